//! Cases as JUnit XML, for build servers.

use std::fmt::Write;

use super::case::{Standing, Tried};

/// The report: one `testsuite` a mailbox, one `testcase` a mail; what is not yet expected counts as a failure.
pub fn junit(mailboxes: &[(String, Vec<Tried>)]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for (mailbox, cases) in mailboxes {
        let failures = cases.iter().filter(|tried| tried.standing != Standing::AsExpected).count();
        let _ = writeln!(xml, "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">", escaped(mailbox), cases.len());
        for tried in cases {
            let head = format!("    <testcase classname=\"{}\" name=\"{}\"", escaped(mailbox), escaped(&tried.case.name));
            let (message, text) = match &tried.standing {
                Standing::AsExpected => {
                    let _ = writeln!(xml, "{head}/>");
                    continue;
                }
                Standing::Different(text) => ("different", text),
                Standing::NotYetExpected(text) => ("not yet expected", text),
            };
            let _ = writeln!(xml, "{head}><failure message=\"{message}\">{}</failure></testcase>", escaped(text));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text for XML 1.0, which has no place for most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(escaped("a<b & \"c\"\u{1}\n"), "a&lt;b &amp; &quot;c&quot;\u{fffd}\n");
    }
}
