//! What shall be done with the message itself: folders, categories, flags, memory.

use rhai::{Array, Dynamic, Engine, NativeCallContext};

use super::Word as Entry;
use super::register::{Given, alone, any, text, texts};
use crate::plan::{Action, Flag, Importance, MemoryWrite};
use crate::rules::codes;
use crate::rules::folder;
use crate::rules::json::{Answers, to_json};
use crate::rules::limits::MEMORY_WRITES_MAX;
use crate::rules::run::{current, remember};
use crate::rules::stop::{Word, fault};
use crate::rules::values::{Day, Moment, kind_of};
use crate::text::did_you_mean;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new(["move_to", "actions", "move_to(folder)", "Moves the message", "move_to(\"Processed/Invoices\");"]),
    Entry::new(["copy_to", "actions", "copy_to(folder)", "Copies the message", "copy_to(\"Archive\");"]),
    Entry::new([
        "categorise",
        "actions",
        "categorise(names…)",
        "Adds categories; also written categorize",
        "categorise(\"Invoice\", \"Fabrikam\");",
    ]),
    Entry::new([
        "categorize",
        "actions",
        "categorize(names…)",
        "Adds categories; also written categorise",
        "categorize([\"Invoice\"]);",
    ]),
    Entry::new([
        "uncategorise",
        "actions",
        "uncategorise(names…)",
        "Removes categories; also written uncategorize",
        "uncategorise(\"New\");",
    ]),
    Entry::new([
        "uncategorize",
        "actions",
        "uncategorize(names…)",
        "Removes categories; also written uncategorise",
        "uncategorize(\"New\");",
    ]),
    Entry::new(["mark_read", "actions", "mark_read()", "Marks the message as read", "mark_read();"]),
    Entry::new(["mark_unread", "actions", "mark_unread()", "Marks the message as unread", "mark_unread();"]),
    Entry::new([
        "flag",
        "actions",
        "flag(due)",
        "Flags the message, due on a day if one is given",
        "flag(today().add_workdays(2));",
    ]),
    Entry::new([
        "set_importance",
        "actions",
        "set_importance(x)",
        "\"low\", \"normal\" or \"high\"",
        "set_importance(\"high\");",
    ]),
    Entry::new(["delete", "actions", "delete()", "Moves the message to Deleted Items", "delete();"]),
    Entry::new([
        "remember",
        "actions",
        "remember(key, value, days)",
        "Keeps a value in the mailbox's memory, for so many days if given",
        "remember(\"last\", mail.id, 30);",
    ]),
    Entry::new(["forget", "actions", "forget(key)", "Takes a value out of the mailbox's memory", "forget(\"last\");"]),
];

/// Names that one `categorise` takes beside each other.
const NAMES_MAX: usize = 10;
/// Characters of a category's name (Graph, "outlookCategory").
const NAME_CHARS_MAX: usize = 255;
/// Characters of a key of the memory.
const KEY_CHARS_MAX: usize = 400;
/// Days that a value is kept at most.
const KEPT_DAYS_MAX: i64 = 3_660;

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    alone(engine, "move_to", &[text()], |context, given| {
        let folder = folder_of(context, &given.text(0))?;
        plan(context, Action::Move { folder })
    });
    alone(engine, "copy_to", &[text()], |context, given| {
        let folder = folder_of(context, &given.text(0))?;
        plan(context, Action::Copy { folder })
    });
    for parameters in (1..=NAMES_MAX).map(|names| vec![text(); names]).chain([vec![std::any::TypeId::of::<Array>()]]) {
        for name in ["categorise", "categorize"] {
            alone(engine, name, &parameters, |context, given| {
                let names = names(context, given)?;
                plan(context, Action::Categorise { names })
            });
        }
        for name in ["uncategorise", "uncategorize"] {
            alone(engine, name, &parameters, |context, given| {
                let names = names(context, given)?;
                plan(context, Action::Uncategorise { names })
            });
        }
    }
    alone(engine, "mark_read", &[], |context, _| plan(context, Action::MarkRead));
    alone(engine, "mark_unread", &[], |context, _| plan(context, Action::MarkUnread));
    alone(engine, "flag", &[], |context, _| plan(context, Action::Flag(Flag::default())));
    alone(engine, "flag", &[any()], |context, given| {
        let due = given.value(0);
        let day = due.read_lock::<Day>().map(|day| day.0).or_else(|| due.read_lock::<Moment>().map(|moment| moment.0.date()));
        if day.is_none() && !due.is_unit() {
            return fault(
                context,
                codes::VALUE,
                format!("`flag` takes a day, not {}", kind_of(&due)),
                "write `flag(today().add_days(2))`",
            );
        }
        plan(context, Action::Flag(Flag { due: day }))
    });
    alone(engine, "set_importance", &[text()], |context, given| {
        let importance = match given.text(0).as_str() {
            "low" => Importance::Low,
            "normal" => Importance::Normal,
            "high" => Importance::High,
            other => {
                let hint = did_you_mean(other, ["low", "normal", "high"]).unwrap_or_default();
                return fault(context, codes::VALUE, "importance is \"low\", \"normal\" or \"high\"", &hint);
            }
        };
        plan(context, Action::SetImportance { importance })
    });
    alone(engine, "delete", &[], |context, _| plan(context, Action::Delete));
    alone(engine, "remember", &[text(), any()], |context, given| keep(context, given, None));
    alone(engine, "remember", &[text(), any(), std::any::TypeId::of::<i64>()], |context, given| {
        keep(context, given, given.value(2).as_int().ok())
    });
    alone(engine, "forget", &[text()], |context, given| {
        let key = key(context, &given.text(0))?;
        write(context, MemoryWrite { key, value: None, until: None })
    });
}

fn plan(context: &NativeCallContext, action: Action) -> Word<Dynamic> {
    current(context)?.plan(action, None);
    Ok(Dynamic::UNIT)
}

fn folder_of(context: &NativeCallContext, path: &str) -> Word<String> {
    let run = current(context)?;
    match folder::checked(path, &run.known.surroundings.allowed_folders) {
        Ok(path) => Ok(path),
        Err(message) => fault(context, codes::FOLDER, message, ""),
    }
}

fn names(context: &NativeCallContext, given: &Given) -> Word<Vec<String>> {
    let names = if given.value(0).is_array() { texts(context, &given.value(0))? } else { given.texts() };
    let mut distinct: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            return fault(context, codes::VALUE, "a category's name has 1 to 255 characters", "");
        }
        if !distinct.iter().any(|known| known == name) {
            distinct.push(name.to_owned());
        }
    }
    Ok(distinct)
}

/// A key of the memory.
pub(super) fn key(context: &NativeCallContext, key: &str) -> Word<String> {
    if key.is_empty() || key.chars().count() > KEY_CHARS_MAX {
        return fault(context, codes::VALUE, format!("a key of the memory has 1 to {KEY_CHARS_MAX} characters"), "");
    }
    Ok(key.to_owned())
}

fn keep(context: &NativeCallContext, given: &Given, days: Option<i64>) -> Word<Dynamic> {
    let key = key(context, &given.text(0))?;
    let value = match to_json(&given.value(1), "the value", Answers::MustBeKnown) {
        Ok(value) => Some(value),
        Err(unfit) => return fault(context, unfit.code, unfit.message, unfit.hint),
    };
    let until = match days {
        None => None,
        Some(days) if (1..=KEPT_DAYS_MAX).contains(&days) => {
            current(context)?.input.now.checked_add(jiff::SignedDuration::from_hours(days * 24)).ok()
        }
        Some(days) => {
            return fault(context, codes::VALUE, format!("{days} days; a value is kept for 1 to {KEPT_DAYS_MAX} days"), "");
        }
    };
    write(context, MemoryWrite { key, value, until })
}

fn write(context: &NativeCallContext, write: MemoryWrite) -> Word<Dynamic> {
    if remember(&*current(context)?, write) > MEMORY_WRITES_MAX {
        return fault(context, codes::QUESTIONS, format!("more than {MEMORY_WRITES_MAX} keys remembered for one message"), "");
    }
    Ok(Dynamic::UNIT)
}
