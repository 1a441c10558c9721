//! What came of all mail: counts, and the first messages of each kind side by side. Its size has a limit, however much mail there is.

use serde_json::json;

use crate::mail::one_line;
use crate::replay::{Change, Compared, Line, side_by_side};

/// Messages of one kind that are kept.
pub(super) const KEPT_MAX: usize = 200;

pub(super) struct Report {
    pub(super) mailbox: String,
    /// The names of both rule sets.
    pub(super) names: (String, String),
    /// Where the mail comes from.
    pub(super) what: String,
    kinds: Vec<Kind>,
}

/// A kind of change with its messages.
pub(super) struct Kind {
    pub(super) change: Change,
    pub(super) count: usize,
    pub(super) kept: Vec<Shown>,
}

/// One message.
pub(super) struct Shown {
    pub(super) file: String,
    pub(super) subject: String,
    pub(super) from: String,
    pub(super) lines: Vec<Line>,
}

impl Report {
    pub(super) fn new(mailbox: &str, names: (&str, &str), what: String) -> Self {
        let kinds = Change::ALL.map(|change| Kind { change, count: 0, kept: Vec::new() });
        Self { mailbox: mailbox.to_owned(), names: (names.0.to_owned(), names.1.to_owned()), what, kinds: kinds.into() }
    }

    pub(super) fn add(&mut self, compared: &Compared) {
        let Some(kind) = self.kinds.iter_mut().find(|kind| kind.change == compared.change) else { return };
        kind.count += 1;
        if compared.change == Change::Same || kind.kept.len() >= KEPT_MAX {
            return;
        }
        kind.kept.push(Shown {
            file: one_line(&compared.before.file),
            subject: one_line(compared.before.subject.as_deref().unwrap_or("(no subject)")),
            from: one_line(&compared.from),
            lines: side_by_side(&compared.before, &compared.after),
        });
    }

    pub(super) fn all(&self) -> usize {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    pub(super) fn count(&self, change: Change) -> usize {
        self.kinds.iter().find(|kind| kind.change == change).map_or(0, |kind| kind.count)
    }

    /// Messages that are not the same.
    pub(super) fn differing(&self) -> usize {
        self.all() - self.count(Change::Same)
    }

    /// The kinds that came, what a person should see first first.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter().filter(|kind| kind.count > 0)
    }

    /// The beginning of the JSON document, up to its list of messages.
    pub(super) fn json_head(&self) -> String {
        let head = json!({ "mailbox": self.mailbox, "before": self.names.0, "after": self.names.1, "mail": self.what });
        format!("{},\"messages\":[", head.to_string().trim_end_matches('}'))
    }

    /// The rest of it.
    pub(super) fn json_tail(&self) -> String {
        let counts: serde_json::Map<_, _> = self
            .kinds
            .iter()
            .filter_map(|kind| Some((json!(kind.change).as_str()?.to_owned(), json!(kind.count))))
            .chain([("all".to_owned(), json!(self.all()))])
            .collect();
        format!("\n],\"counts\":{}}}", serde_json::Value::Object(counts))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_json_is_one_document_however_it_is_written() {
        let mut report = Report::new("invoices", ("live 1", "new 2"), "mail".to_owned());
        let compared = Compared::unreadable("a.eml".to_owned(), "no".to_owned());
        report.add(&compared);
        let text = format!("{}\n{}{}", report.json_head(), serde_json::to_string(&compared).unwrap(), report.json_tail());
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["counts"]["unreadable"], 1);
        assert_eq!(document["counts"]["all"], 1);
        assert_eq!(document["messages"][0]["before"]["file"], "a.eml");
        assert_eq!(document["after"], "new 2");
    }
}
