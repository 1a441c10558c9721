//! An expectation file (`NAME.expect.toml`) or an answers file: what is given to the rules, and what must come of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use toml::Table;

use super::CASE_FILE_BYTES_MAX;
use super::compare::fits;
use super::expectation::{EVERY_FACT, Expectation, ExpectedAction, ExpectedDecision, WORDS, find_word};
use super::keys::unknown;
use super::toml_text::to_json;
use crate::ids::EndpointName;
use crate::plan::Question;
use crate::rules::Memory;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaseFile {
    /// What the rules are given beside the mail.
    pub given: Given,
    /// What must come of it; `None` where nobody has said yet.
    pub expect: Option<Expectation>,
}

/// What the rules are given beside the mail.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// When the mail is decided; `None` is when it was received.
    pub now: Option<Timestamp>,
    /// What questions are told.
    pub answers: Vec<GivenAnswer>,
    /// What was remembered before.
    pub memory: Arc<Remembered>,
}

/// One `[[answer]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenAnswer {
    /// The endpoint that is asked.
    pub endpoint: EndpointName,
    /// What it is asked; `"*"` for anything.
    pub request: Value,
    /// What it replies.
    pub reply: Value,
}

/// `[memory]`: what was remembered before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered(pub BTreeMap<String, Value>);

impl Memory for Remembered {
    fn recall(&self, key: &str) -> Result<Option<Value>, String> {
        Ok(self.0.get(key).cloned())
    }
}

impl Given {
    /// The reply to a question, where there is one.
    pub fn answer_to(&self, question: &Question) -> Option<&Value> {
        let Question::Ask { endpoint, request } = question else { return None };
        let answer = self.answers.iter().find(|answer| answer.endpoint == *endpoint && fits(&answer.request, request))?;
        Some(&answer.reply)
    }

    /// What is given here, and the answers given there for what is not answered here.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.answers.extend(other.answers.iter().cloned());
        self
    }
}

impl CaseFile {
    /// Reads a file; what is not there says nothing.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn read(path: &Path) -> Result<Self, Vec<String>> {
        let cannot = |error: std::io::Error| vec![format!("{}: cannot be read: {error}", path.display())];
        let size = match std::fs::metadata(path) {
            Ok(about) => about.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(cannot(error)),
        };
        if size > CASE_FILE_BYTES_MAX {
            return Err(vec![format!("{}: larger than {} MB", path.display(), CASE_FILE_BYTES_MAX >> 20)]);
        }
        Self::parse(&std::fs::read_to_string(path).map_err(cannot)?, &path.display().to_string())
    }

    /// Reads a file's text; `shown` is how complaints name it.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn parse(text: &str, shown: &str) -> Result<Self, Vec<String>> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let at = error.span().map_or(1, |span| text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1));
            vec![format!("{shown}:{at}: {}", error.message())]
        })?;
        let mut reader = Reader { text, shown, problems: Vec::new() };
        let file = reader.file(&table);
        if reader.problems.is_empty() { Ok(file) } else { Err(reader.problems) }
    }
}

struct Reader<'t> {
    text: &'t str,
    shown: &'t str,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn file(&mut self, table: &Table) -> CaseFile {
        self.keys(table, "an expectation file", &["now", "answer", "memory", "expect"]);
        let given = Given {
            now: table.get("now").and_then(|now| self.moment(now)),
            answers: self.tables(table, "answer").into_iter().filter_map(|answer| self.answer(answer)).collect(),
            memory: Arc::new(Remembered(self.values(table, "memory"))),
        };
        let expect = self.table(table, "expect").map(|expect| self.expectation(expect));
        CaseFile { given, expect }
    }

    fn answer(&mut self, table: &Table) -> Option<GivenAnswer> {
        self.keys(table, "`[[answer]]`", &["ask", "request", "reply"]);
        let endpoint = self.words(table, "ask").pop();
        let (request, reply) = (table.get("request").map(to_json), table.get("reply").map(to_json));
        if let (Some(endpoint), Some(request), Some(reply)) = (endpoint, request, reply) {
            return Some(GivenAnswer { endpoint: EndpointName::new(endpoint), request, reply });
        }
        self.problem("ask", "an `[[answer]]` needs `ask` (the endpoint), `request` and `reply`");
        None
    }

    fn expectation(&mut self, table: &Table) -> Expectation {
        self.keys(table, "`[expect]`", &["decision", "reason", "rules", "notes", "remember", "forget", "action"]);
        let actions: Vec<_> = self.tables(table, "action").into_iter().filter_map(|action| self.action(action)).collect();
        let list = |reader: &mut Self, key| table.contains_key(key).then(|| reader.words(table, key));
        let expected = Expectation {
            decision: self.decision(table),
            reason: self.words(table, "reason").pop(),
            rules: list(self, "rules"),
            notes: list(self, "notes"),
            remember: self.values(table, "remember"),
            forget: self.words(table, "forget"),
            actions,
        };
        if table.is_empty() {
            self.problem("[expect]", "`[expect]` says nothing; write `decision = \"none\"` if no rule shall apply");
        }
        let effects = !expected.actions.is_empty() || !expected.remember.is_empty() || !expected.forget.is_empty();
        if expected.decision != ExpectedDecision::Planned && effects {
            let message = format!("`decision = \"{}\"` goes with no action and nothing to remember", expected.decision.word());
            self.problem("decision", &message);
        }
        if matches!(expected.decision, ExpectedDecision::Planned | ExpectedDecision::None) && expected.reason.is_some() {
            self.problem("reason", "only `decision = \"parked\"` and `\"faulted\"` have a reason");
        }
        expected
    }

    fn decision(&mut self, table: &Table) -> ExpectedDecision {
        let Some(written) = self.words(table, "decision").pop() else { return ExpectedDecision::Planned };
        let known = ExpectedDecision::ALL;
        known.into_iter().find(|decision| decision.word() == written).unwrap_or_else(|| {
            self.problem("decision", &unknown(&written, "`decision`", &known.map(ExpectedDecision::word)));
            ExpectedDecision::Planned
        })
    }

    fn action(&mut self, table: &Table) -> Option<ExpectedAction> {
        let named: Vec<_> = table.keys().filter_map(|key| Some((key, find_word(key)?))).collect();
        let [(key, word)] = named.as_slice() else {
            let keys: Vec<&str> = table.keys().map(String::as_str).collect();
            let words = WORDS.each_ref().map(|word| word.name);
            let message = match (named.len(), keys.first()) {
                (0, Some(first)) => format!("an `[[expect.action]]` names one action: {}", unknown(first, "it", &words)),
                (0, None) => "an `[[expect.action]]` names one action, such as `move_to = \"…\"`".to_owned(),
                _ => "an `[[expect.action]]` names one action; write one for each".to_owned(),
            };
            self.problem(keys.first().copied().unwrap_or("[[expect.action]]"), &message);
            return None;
        };
        let known: Vec<&str> = word.facts.iter().chain(&EVERY_FACT).copied().collect();
        let mut facts = BTreeMap::new();
        for (name, value) in table.iter().filter(|(name, _)| name != key) {
            if !known.contains(&name.as_str()) {
                self.problem(name, &unknown(name, &format!("an expected `{}`", word.name), &known));
            }
            let is_list = matches!(name.as_str(), "to" | "cc" | "attach" | "body_contains");
            facts.insert(name.clone(), if is_list { listed(to_json(value)) } else { to_json(value) });
        }
        let about = to_json(&table[key.as_str()]);
        let is_list = matches!(word.name, "categorise" | "uncategorise" | "forward");
        Some(ExpectedAction { word, about: if is_list { listed(about) } else { about }, facts })
    }

    fn keys(&mut self, table: &Table, place: &str, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            self.problem(key, &unknown(key, place, known));
        }
    }

    fn table<'v>(&mut self, table: &'v Table, key: &str) -> Option<&'v Table> {
        let value = table.get(key)?;
        if value.as_table().is_none() {
            self.problem(key, &format!("`{key}` is a table: `[{key}]`"));
        }
        value.as_table()
    }

    fn tables<'v>(&mut self, table: &'v Table, key: &str) -> Vec<&'v Table> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let tables: Option<Vec<&Table>> = value.as_array().and_then(|items| items.iter().map(toml::Value::as_table).collect());
        tables.unwrap_or_else(|| {
            self.problem(key, &format!("`{key}` is a list of tables: `[[{key}]]`"));
            Vec::new()
        })
    }

    fn values(&mut self, table: &Table, key: &str) -> BTreeMap<String, Value> {
        self.table(table, key).into_iter().flatten().map(|(key, value)| (key.clone(), to_json(value))).collect()
    }

    /// A text or a list of texts.
    fn words(&mut self, table: &Table, key: &str) -> Vec<String> {
        let texts = match table.get(key) {
            None => Some(Vec::new()),
            Some(toml::Value::String(text)) => Some(vec![text.clone()]),
            Some(toml::Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        texts.unwrap_or_else(|| {
            self.problem(key, &format!("`{key}` is text in quotes"));
            Vec::new()
        })
    }

    fn moment(&mut self, value: &toml::Value) -> Option<Timestamp> {
        let moment = to_json(value).as_str().and_then(|text| text.parse().ok());
        if moment.is_none() {
            self.problem("now", "`now` is a moment such as \"2024-12-01T09:00:00Z\"");
        }
        moment
    }

    fn problem(&mut self, key: &str, message: &str) {
        let names = |line: &str| line.split(['=', '{', ',', '[', ']']).any(|part| part.trim().trim_matches(['"', '\'']) == key);
        let at = self.text.lines().position(|line| line.trim() == key || names(line)).map_or(1, |line| line + 1);
        self.problems.push(format!("{}:{at}: {message}", self.shown));
    }
}

fn listed(value: Value) -> Value {
    match value {
        Value::String(text) if text != super::compare::ANY => Value::from(vec![text]),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_file_is_read() {
        let text = r#"
            now = 2024-12-01T09:00:00Z
            [[answer]]
            ask = "supplier-check"
            request = { vat = "DE123456789" }
            reply = { known = true }
            [memory]
            "invoice/7" = "m1"
            [expect]
            rules = ["10-supplier-invoices"]
            remember = { "invoice/8" = "*" }
            [[expect.action]]
            post = "erp"
            record = { total = 1190.50, due = 2024-12-01 }
            [[expect.action]]
            categorise = "Invoice"
        "#;
        let file = CaseFile::parse(text, "a.expect.toml").unwrap();
        let action = |word, about, facts: &[(&str, Value)]| ExpectedAction {
            word: find_word(word).unwrap(),
            about,
            facts: facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        };
        let answer = GivenAnswer {
            endpoint: "supplier-check".into(),
            request: json!({ "vat": "DE123456789" }),
            reply: json!({ "known": true }),
        };
        let expected = CaseFile {
            given: Given {
                now: "2024-12-01T09:00:00Z".parse().ok(),
                answers: vec![answer],
                memory: Arc::new(Remembered([("invoice/7".to_owned(), json!("m1"))].into())),
            },
            expect: Some(Expectation {
                rules: Some(vec!["10-supplier-invoices".to_owned()]),
                remember: [("invoice/8".to_owned(), json!("*"))].into(),
                actions: vec![
                    action("post", json!("erp"), &[("record", json!({ "total": 1190.5, "due": "2024-12-01" }))]),
                    action("categorise", json!(["Invoice"]), &[]),
                ],
                ..Expectation::default()
            }),
        };
        assert_eq!(file, expected);
    }

    #[test]
    fn what_nobody_knows_is_named_with_its_line_and_neighbour() {
        let text = "[expect]\nrulse = []\n\n[[expect.action]]\nmove_too = \"A\"\n\n[[expect.action]]\npost = \"erp\"\nrecords = []\n\n\
            [[expect.action]]\ndelete = true\nmark_read = true\n";
        assert_eq!(
            CaseFile::parse(text, "a.toml").unwrap_err(),
            [
                "a.toml:2: `rulse` is not known in `[expect]`; did you mean `rules`?",
                "a.toml:5: an `[[expect.action]]` names one action: `move_too` is not known in it; did you mean `move_to`?",
                "a.toml:9: `records` is not known in an expected `post`; did you mean `record`?",
                "a.toml:12: an `[[expect.action]]` names one action; write one for each",
            ]
        );
    }

    #[test]
    fn an_expectation_that_cannot_fail_or_contradicts_itself_is_refused() {
        let problems = |text: &str| CaseFile::parse(text, "a.toml").unwrap_err().join("\n");
        assert_eq!(
            problems("[expect]\n"),
            "a.toml:1: `[expect]` says nothing; write `decision = \"none\"` if no rule shall apply"
        );
        assert_eq!(
            problems("[expect]\ndecision = \"parkd\""),
            "a.toml:2: `parkd` is not known in `decision`; did you mean `parked`?"
        );
        assert_eq!(
            problems("[expect]\ndecision = \"none\"\n[[expect.action]]\ndelete = true"),
            "a.toml:2: `decision = \"none\"` goes with no action and nothing to remember"
        );
        assert_eq!(problems("[expect\n").lines().count(), 1);
    }

    #[test]
    fn an_answer_is_found_by_what_is_asked() {
        let file = CaseFile::parse("[[answer]]\nask = \"crm\"\nrequest = { id = 7, why = \"*\" }\nreply = 1", "a").unwrap();
        let ask = |request| Question::Ask { endpoint: "crm".into(), request };
        assert_eq!(file.given.answer_to(&ask(json!({ "id": "7", "why": "x" }))), Some(&json!(1)));
        assert_eq!(file.given.answer_to(&ask(json!({ "id": 8, "why": "x" }))), None);
        assert_eq!(file.given.answer_to(&Question::Content), None);
    }
}
