//! What the receiving server found out about the sender: the topmost Authentication-Results field, and no other.
//!
//! A lower field, `Authentication-Results-Original` and ARC fields may have been written by anybody (RFC 8601 §5).

use super::message::{Message, NeedsContent};

/// Whether the From domain is who it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthVerdict {
    /// DMARC passed, or the server's own composite judgement did.
    Pass,
    /// DMARC failed, or the server's own composite judgement did.
    Fail,
    /// Nothing was said that settles it.
    Unknown,
}

/// The verdict, why, and the single results as the server wrote them (`pass`, `fail`, `none` …, in lower case).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticity {
    /// What to go by.
    pub verdict: AuthVerdict,
    /// Why, in words.
    pub reason: String,
    /// SPF (RFC 7208).
    pub spf: Option<String>,
    /// DKIM (RFC 6376); `pass` where one of several signatures passed.
    pub dkim: Option<String>,
    /// DMARC (RFC 7489).
    pub dmarc: Option<String>,
    /// Exchange's `compauth`.
    pub composite: Option<String>,
}

impl Message {
    /// What the topmost Authentication-Results says.
    pub fn authenticity(&self) -> Result<Authenticity, NeedsContent> {
        Ok(match self.header("Authentication-Results")? {
            Some(value) => judge(value),
            None => Authenticity {
                verdict: AuthVerdict::Unknown,
                reason: "the message has no Authentication-Results".to_owned(),
                spf: None,
                dkim: None,
                dmarc: None,
                composite: None,
            },
        })
    }
}

fn judge(value: &str) -> Authenticity {
    let results = results(value);
    let all = |method: &str| {
        results.iter().filter(move |(name, _)| name == method).map(|(_, result)| result.as_str()).collect::<Vec<_>>()
    };
    // Of several contradicting results the worse one counts, but for DKIM: there one good signature is enough.
    let worst = |method: &str| {
        let found = all(method);
        found
            .iter()
            .find(|result| **result == "fail")
            .or_else(|| found.iter().find(|result| **result != "pass"))
            .or(found.first())
            .map(|&result| result.to_owned())
    };
    let dkim = all("dkim").iter().find(|result| **result == "pass").or(all("dkim").first()).map(|&result| result.to_owned());
    let (spf, dmarc, composite) = (worst("spf"), worst("dmarc"), worst("compauth"));
    let (verdict, reason) = match (dmarc.as_deref(), composite.as_deref()) {
        (Some("fail"), _) => (AuthVerdict::Fail, "DMARC failed (dmarc=fail)".to_owned()),
        (_, Some("fail")) => (AuthVerdict::Fail, "the receiving server's composite judgement failed (compauth=fail)".to_owned()),
        (Some("pass"), _) => (AuthVerdict::Pass, "DMARC passed (dmarc=pass)".to_owned()),
        (other, Some("pass")) => {
            let other = other.map_or_else(|| "says nothing of DMARC".to_owned(), |result| format!("says dmarc={result}"));
            (AuthVerdict::Pass, format!("the receiving server {other}, but its composite judgement passed (compauth=pass)"))
        }
        (Some(result), _) => (AuthVerdict::Unknown, format!("DMARC neither passed nor failed (dmarc={result})")),
        (None, _) => (AuthVerdict::Unknown, "the receiving server says nothing of DMARC".to_owned()),
    };
    Authenticity { verdict, reason, spf, dkim, dmarc, composite }
}

/// `method=result` of each statement (RFC 8601 §2.2), in lower case. Exchange writes no authserv-id before the first.
fn results(value: &str) -> Vec<(String, String)> {
    let plain = without_comments(value).to_ascii_lowercase();
    plain
        .split(';')
        .filter_map(|statement| {
            let (method, rest) = statement.split_once('=')?;
            let method = method.split('/').next().unwrap_or_default().trim();
            let result = rest.split_whitespace().next()?;
            (!method.is_empty() && !method.contains(char::is_whitespace)).then(|| (method.to_owned(), result.to_owned()))
        })
        .collect()
}

/// Comments in parentheses and quoted strings can hold anything a sender chose: they become blanks.
fn without_comments(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for c in value.chars() {
        if is_escaped {
            is_escaped = false;
            continue;
        }
        match c {
            '\\' if is_quoted || depth > 0 => is_escaped = true,
            '"' if depth == 0 => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                plain.push(' ');
            }
            _ if is_quoted || depth > 0 => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(header: &str) -> AuthVerdict {
        let raw = format!("{header}\r\nFrom: a@fabrikam.com\r\n\r\ntext\r\n");
        Message::from_raw(raw.into_bytes(), "a.eml").authenticity().map_or(AuthVerdict::Unknown, |found| found.verdict)
    }

    #[test]
    fn exchange_s_form_is_read_whole() {
        let found = judge(
            "spf=pass (sender IP is 203.0.113.7) smtp.mailfrom=fabrikam.com; dkim=fail (no key; dmarc=pass) header.d=x.example; \
             dkim=pass header.d=fabrikam.com;dmarc=bestguesspass action=none header.from=fabrikam.com;compauth=pass reason=109",
        );
        let expected = Authenticity {
            verdict: AuthVerdict::Pass,
            reason: "the receiving server says dmarc=bestguesspass, but its composite judgement passed (compauth=pass)"
                .to_owned(),
            spf: Some("pass".to_owned()),
            dkim: Some("pass".to_owned()),
            dmarc: Some("bestguesspass".to_owned()),
            composite: Some("pass".to_owned()),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn pass_fail_and_unknown_are_told_apart() {
        for (header, expected) in [
            ("Authentication-Results: mx.contoso.com; dmarc=pass header.from=fabrikam.com", AuthVerdict::Pass),
            ("Authentication-Results: spf=pass; dmarc=fail action=quarantine", AuthVerdict::Fail),
            ("Authentication-Results: spf=pass; dmarc=pass;compauth=fail reason=001", AuthVerdict::Fail),
            ("Authentication-Results: spf=pass; dmarc=none", AuthVerdict::Unknown),
            ("Authentication-Results: spf=pass", AuthVerdict::Unknown),
            ("Authentication-Results: dmarc=pass; dmarc=none", AuthVerdict::Unknown),
            ("Subject: none", AuthVerdict::Unknown),
        ] {
            assert_eq!(verdict(header), expected, "{header}");
        }
    }

    #[test]
    fn what_a_sender_can_write_is_not_believed() {
        for (header, expected) in [
            ("Authentication-Results: spf=none; dmarc=none\r\nAuthentication-Results: dmarc=pass", AuthVerdict::Unknown),
            ("Authentication-Results-Original: dmarc=pass", AuthVerdict::Unknown),
            ("ARC-Authentication-Results: i=1; mx.fabrikam.com; dmarc=pass", AuthVerdict::Unknown),
            ("Authentication-Results: mx; spf=pass smtp.mailfrom=\"x; dmarc=pass;\"@fabrikam.com", AuthVerdict::Unknown),
            ("Authentication-Results: mx; spf=pass (; dmarc=pass ;)", AuthVerdict::Unknown),
        ] {
            assert_eq!(verdict(header), expected, "{header}");
        }
    }
}
