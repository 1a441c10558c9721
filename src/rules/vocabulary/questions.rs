//! Looking things up: endpoints that only answer, tables beside the rules, the mailbox's memory.

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext};

use super::Word as Entry;
use super::actions::key;
use super::answers::endpoint;
use super::register::{alone, any, text};
use crate::plan::Question;
use crate::rules::codes;
use crate::rules::json::{Answers, from_json, to_json};
use crate::rules::limits::QUESTIONS_MAX;
use crate::rules::readings;
use crate::rules::row::Row;
use crate::rules::run::{self, current};
use crate::rules::stop::{Word, ask, fault};
use crate::rules::table::Table;
use crate::rules::values::kind_of;
use crate::text::did_you_mean;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "ask",
        "questions",
        "ask(endpoint, request) -> value",
        "Asks a `read_only` endpoint; it changes nothing",
        "if ask(\"supplier-check\", #{ vat: \"DE1\" }).known { flag(); }",
    ]),
    Entry::new([
        "recall",
        "questions",
        "recall(key) -> value or ()",
        "What the mailbox remembers under a key, or `()`",
        "if recall(\"invoice/7\") != () { categorise(\"Duplicate\"); }",
    ]),
    Entry::new([
        "lookup",
        "questions",
        "lookup(table, column, value) -> row or ()",
        "The row of a table whose column is this, or `()`",
        "note(lookup(\"regions.csv\", \"postcode\", \"01067\")?.region ?? \"none\");",
    ]),
    Entry::new([
        "lookup_range",
        "questions",
        "lookup_range(table, from, to, value) -> row or ()",
        "The first row whose two columns enclose the value, or `()`",
        "note(lookup_range(\"rates.csv\", \"from\", \"to\", 50)?.rate ?? \"none\");",
    ]),
    Entry::new([
        "lookup_prefix",
        "questions",
        "lookup_prefix(table, column, value) -> row or ()",
        "The row whose column is the longest beginning of the value, or `()`",
        "note(lookup_prefix(\"regions.csv\", \"postcode\", \"010671\")?.region ?? \"none\");",
    ]),
];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    alone(engine, "ask", &[text(), any()], question);
    alone(engine, "recall", &[text()], |context, given| {
        let key = key(context, &given.text(0))?;
        match run::recall(&*current(context)?, &key) {
            Ok(value) => Ok(value.as_ref().map_or(Dynamic::UNIT, from_json)),
            Err(message) => fault(context, codes::MEMORY, format!("the memory could not be read: {message}"), ""),
        }
    });
    alone(engine, "lookup", &[text(), text(), any()], |context, given| {
        let Some(value) = sought(context, &given.value(2))? else { return Ok(Dynamic::UNIT) };
        with_table(context, &given.text(0), &[given.text(1)], |table, columns| {
            if let Some(key) = table.doubled(columns[0]) {
                return Err(format!("`{key}` stands twice in the column `{}`", given.text(1)));
            }
            let found = table.find(columns[0], &value);
            readings::note_lookup(context, (&given.text(0), &value), found.as_ref(), || table.keys(columns[0]));
            Ok(found)
        })
    });
    alone(engine, "lookup_prefix", &[text(), text(), any()], |context, given| {
        let Some(value) = sought(context, &given.value(2))? else { return Ok(Dynamic::UNIT) };
        with_table(context, &given.text(0), &[given.text(1)], |table, columns| Ok(table.find_prefix(columns[0], &value)))
    });
    alone(engine, "lookup_range", &[text(), text(), text(), any()], |context, given| {
        let Some(value) = sought(context, &given.value(3))? else { return Ok(Dynamic::UNIT) };
        let names = [given.text(1), given.text(2)];
        with_table(context, &given.text(0), &names, |table, columns| Ok(table.find_range(columns[0], columns[1], &value)))
    });
}

fn question(context: &NativeCallContext, given: &super::register::Given) -> Word<Dynamic> {
    let run = current(context)?;
    let endpoint = endpoint(context, &run, &given.text(0))?;
    if !run.known.surroundings.endpoints.get(&endpoint).is_some_and(|facts| facts.read_only) {
        let message = format!("`{endpoint}` cannot be asked: it is not `read_only`");
        return fault(context, codes::NOT_READ_ONLY, message, "asking must change nothing; to send something write `post`");
    }
    let request = match to_json(&given.value(1), "the request", Answers::MustBeKnown) {
        Ok(request) => request,
        Err(unfit) => return fault(context, unfit.code, unfit.message, unfit.hint),
    };
    let question = Question::Ask { endpoint, request };
    let asked = {
        let mut state = run.state();
        state.questions += 1;
        state.questions
    };
    if asked > QUESTIONS_MAX {
        return fault(context, codes::QUESTIONS, format!("more than {QUESTIONS_MAX} questions for one message"), "");
    }
    match run.input.answers.get(&question.key()) {
        Some(answer) => Ok(from_json(answer)),
        None => ask(context, question),
    }
}

/// What is looked up, as the text that stands in tables; nothing is looked up for `()`.
fn sought(context: &NativeCallContext, value: &Dynamic) -> Word<Option<String>> {
    if value.is_unit() {
        return Ok(None);
    }
    if value.is_string() || value.is_int() || value.is_decimal() || value.is_char() {
        return Ok(Some(value.to_string()));
    }
    fault(context, codes::VALUE, format!("a table is searched for a text or a number, not {}", kind_of(value)), "")
}

fn with_table(
    context: &NativeCallContext,
    name: &str,
    columns: &[ImmutableString],
    find: impl FnOnce(&Table, &[usize]) -> Result<Option<Row>, String>,
) -> Word<Dynamic> {
    let run = current(context)?;
    let Some(table) = run.known.tables.get(name) else {
        let hint = did_you_mean(name, run.known.tables.keys().map(String::as_str)).unwrap_or_default();
        return fault(context, codes::TABLE, format!("there is no table `{name}`"), &hint);
    };
    let mut positions = Vec::with_capacity(columns.len());
    for column in columns {
        let Some(position) = table.column(column) else {
            let message = format!("`{name}` has no column `{column}`; there are: {}", table.headers().join(", "));
            return fault(context, codes::TABLE, message, "");
        };
        positions.push(position);
    }
    match find(table, &positions) {
        Ok(row) => Ok(row.map_or(Dynamic::UNIT, Dynamic::from)),
        Err(message) => fault(context, codes::BAD_TABLE, message, ""),
    }
}
