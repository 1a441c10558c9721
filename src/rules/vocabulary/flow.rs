//! Going on, giving up, leaving it to a person.

use rhai::{Dynamic, Engine};

use super::Word as Entry;
use super::register::{alone, any, text};
use crate::rules::codes;
use crate::rules::limits::NOTES_MAX;
use crate::rules::run::current;
use crate::rules::stop::{fault, park};
use crate::rules::values::Nothing;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "require",
        "flow",
        "require(value, reason) -> value",
        "The value; where it is absent the mail is left to a person",
        "note(require(mail.subject, \"no subject\"));",
    ]),
    Entry::new([
        "optional",
        "flow",
        "optional(value) -> value",
        "A value that may be absent from a record",
        "post(\"erp\", #{ due: optional(mail.text.value_after(\"Due\")) });",
    ]),
    Entry::new([
        "park",
        "flow",
        "park(reason)",
        "Leaves the mail to a person; nothing is done",
        "if mail.subject == () { park(\"no subject\"); }",
    ]),
    Entry::new(["no_more_rules", "flow", "no_more_rules()", "No later rule runs; this one runs to its end", "no_more_rules();"]),
    Entry::new(["note", "flow", "note(text)", "A line for the message's story", "note(`from ${mail.from.domain}`);"]),
];

/// Characters of a note.
const NOTE_CHARS_MAX: usize = 2_000;

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Nothing>("optional");
    alone(engine, "require", &[any(), text()], |context, given| {
        let value = given.value(0);
        if value.is_unit() { park(context, given.text(1).to_string()) } else { Ok(value) }
    });
    alone(engine, "optional", &[any()], |_, given| {
        let value = given.value(0);
        Ok(if value.is_unit() { Dynamic::from(Nothing) } else { value })
    });
    alone(engine, "park", &[text()], |context, given| park(context, given.text(0).to_string()));
    alone(engine, "no_more_rules", &[], |context, _| {
        current(context)?.state().no_more_rules = true;
        Ok(Dynamic::UNIT)
    });
    alone(engine, "note", &[text()], |context, given| {
        let run = current(context)?;
        let mut state = run.state();
        if state.plan.notes.len() >= NOTES_MAX {
            drop(state);
            return fault(context, codes::QUESTIONS, format!("more than {NOTES_MAX} notes for one message"), "");
        }
        state.plan.notes.push(given.text(0).chars().take(NOTE_CHARS_MAX).collect());
        Ok(Dynamic::UNIT)
    });
}
