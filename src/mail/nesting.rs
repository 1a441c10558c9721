//! Counts a message's parts and levels before it is parsed, so that no bomb reaches the parser.
//!
//! The parser is linear in time but keeps a structure for each part and drops nested messages recursively. The counts
//! here are upper bounds that cost a few microseconds for ordinary mail; only a message over them is looked at line by line.

use std::collections::HashSet;

use memchr::memmem;

use super::{NESTING_MAX, PARTS_MAX};

/// Attached messages and digests a message may declare, whatever their nesting: the parser drops them recursively.
const DECLARED_MESSAGES_MAX: usize = 1_000;

/// Boundaries a message may declare before its lines are no longer looked at.
const DECLARED_BOUNDARIES_MAX: usize = PARTS_MAX;

/// Whether the parser may see the message: at most [`PARTS_MAX`] parts and [`NESTING_MAX`] levels.
pub(super) fn is_within_limits(source: &[u8]) -> bool {
    let boundaries = declared_boundaries(source);
    let messages = declared_messages(source);
    if boundaries.len() > DECLARED_BOUNDARIES_MAX || messages > DECLARED_MESSAGES_MAX {
        return false;
    }
    if boundaries.len() + messages > NESTING_MAX {
        let known: HashSet<&[u8]> = boundaries.into_iter().collect();
        return look_closely(source, &known);
    }
    let mut parts = 0;
    for boundary in boundaries {
        let delimiter = [b"--", boundary].concat();
        // Bounded by `take`: one more than the limit is enough to know.
        parts += memmem::find_iter(source, &delimiter).take(PARTS_MAX + 1).count();
        if parts > PARTS_MAX {
            return false;
        }
    }
    true
}

/// The values of all `boundary=` parameters, wherever they stand: a superset of those the parser will use.
/// Where a value is written in an encoded way, its plain beginning.
fn declared_boundaries(source: &[u8]) -> Vec<&[u8]> {
    let mut found: Vec<&[u8]> = Vec::new();
    for equals in memchr::memchr_iter(b'=', source) {
        let before = source.get(..equals).unwrap_or_default().trim_ascii_end();
        let before = before.strip_suffix(b"*").unwrap_or(before);
        let before = before.strip_suffix(b"*0").unwrap_or(before);
        let Some(name) = before.len().checked_sub(8).and_then(|start| before.get(start..)) else { continue };
        if !name.eq_ignore_ascii_case(b"boundary") {
            continue;
        }
        let value = source.get(equals + 1..).unwrap_or_default().trim_ascii_start();
        let (value, stops): (&[u8], &[u8]) = match value.strip_prefix(b"\"") {
            Some(quoted) => (quoted, b"\"\\%\r\n'"),
            None => (value, b"; \t\r\n\\%'"),
        };
        let end = value.iter().take(100).position(|byte| stops.contains(byte)).unwrap_or(value.len().min(100));
        let value = value.get(..end).unwrap_or_default();
        if !found.contains(&value) || found.len() > NESTING_MAX {
            found.push(value);
            if found.len() > DECLARED_BOUNDARIES_MAX {
                break;
            }
        }
    }
    found
}

/// How often `message/…` or `multipart/digest` occurs, in any case.
fn declared_messages(source: &[u8]) -> usize {
    memchr::memchr_iter(b'/', source).filter(|&slash| starts_message(source, slash)).take(DECLARED_MESSAGES_MAX + 1).count()
}

fn starts_message(source: &[u8], slash: usize) -> bool {
    let before = |name: &[u8]| {
        slash
            .checked_sub(name.len())
            .and_then(|start| source.get(start..slash))
            .is_some_and(|word| word.eq_ignore_ascii_case(name))
    };
    let after = |name: &[u8]| source.get(slash + 1..slash + 1 + name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
    before(b"message") && (after(b"rfc822") || after(b"global")) || before(b"multipart") && after(b"digest")
}

/// Follows the delimiter lines with a stack, for mail that declares more boundaries and messages than may be nested.
fn look_closely(source: &[u8], known: &HashSet<&[u8]>) -> bool {
    let mut open: Vec<(&[u8], usize)> = Vec::new();
    let mut on_stack: HashSet<&[u8]> = HashSet::new();
    let mut messages_outside = 0_usize;
    let mut parts = 0_usize;
    for line in source.split(|&byte| byte == b'\n') {
        let messages = memchr::memchr_iter(b'/', line).filter(|&slash| starts_message(line, slash)).count();
        match open.last_mut() {
            Some((_, inside)) => *inside += messages,
            None => messages_outside += messages,
        }
        if let Some(rest) = line.strip_prefix(b"--") {
            let rest = rest.trim_ascii_end();
            let closing = rest.strip_suffix(b"--").filter(|name| known.contains(name));
            let Some(name) = closing.or_else(|| known.get(rest).copied()) else { continue };
            parts += 1;
            if on_stack.contains(name) {
                while let Some((top, _)) = open.pop() {
                    on_stack.remove(top);
                    if top == name {
                        break;
                    }
                }
            }
            if closing.is_none() {
                open.push((name, 0));
                on_stack.insert(name);
            }
        }
        let depth = messages_outside + open.iter().map(|(_, inside)| inside + 1).sum::<usize>();
        if depth > NESTING_MAX || parts > PARTS_MAX {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn nested(levels: usize) -> String {
        let mut raw = String::new();
        for level in 0..levels {
            let _ = write!(raw, "Content-Type: multipart/mixed; boundary=\"b{level}\"\n\n--b{level}\n");
        }
        raw + "\nend\n"
    }

    #[test]
    fn a_hundred_levels_pass_and_more_do_not() {
        assert!(is_within_limits(nested(100).as_bytes()));
        assert!(!is_within_limits(nested(101).as_bytes()));
        assert!(!is_within_limits(nested(200_000).as_bytes()));
    }

    #[test]
    fn many_messages_side_by_side_pass_and_nested_ones_do_not() {
        let mut siblings = String::from("Content-Type: multipart/mixed; boundary=b\n\n");
        for _ in 0..300 {
            siblings += "--b\nContent-Type: message/rfc822\n\nSubject: x\n\ntext\n";
        }
        assert!(is_within_limits((siblings + "--b--\n").as_bytes()));
        assert!(!is_within_limits("Content-Type: message/rfc822\n\n".repeat(101).as_bytes()));
        assert!(!is_within_limits("Content-Type: Message/RFC822\n\n".repeat(100_000).as_bytes()));
    }

    #[test]
    fn ten_thousand_parts_pass_and_more_do_not() {
        let mail = |parts: usize| format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", "--b\n\nx\n".repeat(parts));
        assert!(is_within_limits(mail(9_999).as_bytes()));
        assert!(!is_within_limits(mail(10_001).as_bytes()));
    }
}
