//! A question to the person at the terminal.

use std::io::{BufRead, IsTerminal, Write};

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Yes,
    No,
    /// Yes to this and all that follow.
    All,
    /// No to this and all that follow.
    Quit,
}

/// Whether there is anybody to be asked.
pub(super) fn is_somebody_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks until the answer is one of those offered: `y/n`, or `y/n/a/q` where more questions follow. The end of the input is a no.
pub(super) fn ask(question: &str, offered: &[(&str, Said)]) -> std::io::Result<Said> {
    asked(question, offered, &mut std::io::stdin().lock(), &mut std::io::stderr())
}

/// Yes or no.
pub(super) const YES_NO: [(&str, Said); 2] = [("y", Said::Yes), ("n", Said::No)];
/// The same, for this and all that follow.
pub(super) const EACH: [(&str, Said); 4] = [("y", Said::Yes), ("n", Said::No), ("a", Said::All), ("q", Said::Quit)];

fn asked(question: &str, offered: &[(&str, Said)], from: &mut impl BufRead, to: &mut impl Write) -> std::io::Result<Said> {
    let letters: Vec<&str> = offered.iter().map(|(letter, _)| *letter).collect();
    // Ends: every turn reads a line, and the input has an end.
    loop {
        write!(to, "{question} [{}] ", letters.join("/"))?;
        to.flush()?;
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            writeln!(to)?;
            return Ok(if letters.contains(&"q") { Said::Quit } else { Said::No });
        }
        let line = line.trim().to_lowercase();
        let found = offered.iter().find(|(letter, _)| !line.is_empty() && line.starts_with(letter));
        if let Some((_, said)) = found {
            return Ok(*said);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn said(input: &str, offered: &[(&str, Said)]) -> (Said, String) {
        let mut told = Vec::new();
        let said = asked("Accept?", offered, &mut input.as_bytes(), &mut told).unwrap();
        (said, String::from_utf8(told).unwrap())
    }

    #[test]
    fn one_asks_again_until_the_answer_can_be_understood_and_silence_is_a_no() {
        assert_eq!(said("what\n\nYes\n", &YES_NO), (Said::Yes, "Accept? [y/n] ".repeat(3)));
        assert_eq!(said("a\n", &EACH).0, Said::All);
        assert_eq!(said("a\nn\n", &YES_NO).0, Said::No);
        assert_eq!(said("", &YES_NO), (Said::No, "Accept? [y/n] \n".to_owned()));
        assert_eq!(said("", &EACH).0, Said::Quit);
    }
}
