//! An mbox file, message by message (RFC 4155; `>From ` quoting as mboxrd has it).

use std::io::{BufRead, Read};

use super::MESSAGE_BYTES_MAX;
use super::source::too_large;

/// Bytes of a line that are looked at as one; longer lines come in pieces.
const LINE_MAX: u64 = 1 << 20;

/// The messages of an mbox. Holds one message.
#[derive(Debug)]
pub(super) struct Mbox<R> {
    reader: R,
    line: Vec<u8>,
    number: usize,
    state: State,
    /// The first separator bears a time, so those that bear none are text.
    is_dated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// A separator was read: its message follows.
    Within,
    End,
}

impl<R: BufRead> Mbox<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), number: 0, state: State::Start, is_dated: false }
    }

    /// The number of the message that was given last, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The next message, or why it cannot be read.
    pub(super) fn next(&mut self) -> Option<Result<Vec<u8>, String>> {
        if self.state == State::Start
            && let Err(reason) = self.begin()
        {
            self.state = State::End;
            self.number = 1;
            return Some(Err(reason));
        }
        if self.state == State::End {
            return None;
        }
        self.number += 1;
        Some(self.message())
    }

    /// Reads the first separator.
    fn begin(&mut self) -> Result<(), String> {
        for _ in 0..1_000 {
            if !self.read_line()? {
                self.state = State::End;
                return if self.line.is_empty() { Err("there is no message in it".to_owned()) } else { Ok(()) };
            }
            if self.line.trim_ascii().is_empty() {
                continue;
            }
            if !self.line.starts_with(b"From ") {
                break;
            }
            self.is_dated = bears_time(&self.line);
            self.state = State::Within;
            return Ok(());
        }
        Err("not an mbox file: it does not begin with `From `".to_owned())
    }

    fn message(&mut self) -> Result<Vec<u8>, String> {
        let mut raw = Vec::new();
        let (mut after_blank, mut at_start, mut exceeds) = (true, true, false);
        loop {
            if !self.read_line()? {
                self.state = State::End;
                break;
            }
            if at_start && after_blank && self.is_separator() {
                break;
            }
            let quoted = at_start && is_quoted(&self.line);
            let piece = self.line.get(usize::from(quoted)..).unwrap_or_default();
            exceeds |= raw.len() + piece.len() > MESSAGE_BYTES_MAX;
            if !exceeds {
                raw.extend_from_slice(piece);
            }
            after_blank = at_start && self.line.trim_ascii().is_empty();
            at_start = self.line.ends_with(b"\n");
        }
        if exceeds {
            return Err(too_large());
        }
        // The blank line before a separator belongs to the separator.
        if after_blank && !raw.is_empty() {
            let end = if raw.ends_with(b"\r\n") { 2 } else { usize::from(raw.ends_with(b"\n")) };
            raw.truncate(raw.len() - end);
        }
        Ok(raw)
    }

    /// Whether there was another line, or piece of one.
    fn read_line(&mut self) -> Result<bool, String> {
        self.line.clear();
        let read = self.reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.line);
        match read {
            Ok(bytes) => Ok(bytes > 0),
            Err(error) => {
                self.state = State::End;
                Err(format!("cannot be read: {error}"))
            }
        }
    }

    fn is_separator(&self) -> bool {
        self.line.starts_with(b"From ") && (!self.is_dated || bears_time(&self.line))
    }
}

/// `>From `, `>>From ` …: one `>` was put before it.
fn is_quoted(line: &[u8]) -> bool {
    let rest = line.iter().position(|&byte| byte != b'>').unwrap_or(line.len());
    rest > 0 && line.get(rest..).is_some_and(|rest| rest.starts_with(b"From "))
}

/// Whether something like `10:00` stands in the line.
fn bears_time(line: &[u8]) -> bool {
    line.windows(5).any(|part| part[2] == b':' && [0, 1, 3, 4].iter().all(|&at| part[at].is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Result<String, String>> {
        let mut mbox = Mbox::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(next) = mbox.next() {
            found.push(next.map(|raw| String::from_utf8_lossy(&raw).into_owned()));
        }
        found
    }

    #[test]
    fn quoted_from_lines_come_back_and_plain_ones_are_text() {
        let text = "From a@b Mon Dec  2 10:00:00 2024\r\nSubject: 1\r\n\r\n>From me\r\n>>From you\r\n\r\nFrom what I know\r\n\r\n\
            From a@b Mon Dec  2 10:00:01 2024\r\nSubject: 2\r\n\r\nend";
        let first = "Subject: 1\r\n\r\nFrom me\r\n>From you\r\n\r\nFrom what I know\r\n";
        assert_eq!(all(text), [Ok(first.to_owned()), Ok("Subject: 2\r\n\r\nend".to_owned())]);
    }

    #[test]
    fn separators_without_a_time_count_where_the_first_has_none() {
        assert_eq!(
            all("From a\nSubject: 1\n\nFrom b\nSubject: 2\n"),
            [Ok("Subject: 1\n".to_owned()), Ok("Subject: 2\n".to_owned())]
        );
    }

    #[test]
    fn what_is_no_mbox_says_so() {
        assert_eq!(all("Subject: 1\n\nx"), [Err("not an mbox file: it does not begin with `From `".to_owned())]);
        assert_eq!(all(""), [Err("there is no message in it".to_owned())]);
    }
}
