//! Whether each step of `mail.from.address` is a word of what stands before it, and values fit where they stand.

use std::collections::BTreeSet;

use rhai::{Expr, Position};

use super::Checked;
use super::calls::Call;
use super::kinds::{Kind, gives, said, said_of, types_of};
use crate::rules::codes;
use crate::rules::syntax::Complaint;
use crate::rules::vocabulary::{self, words};
use crate::text::did_you_mean;

/// How a word is written: `.name` or `.name(…)`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Property,
    Call,
}

impl Checked<'_> {
    /// `mail.from.address`: every step is a word of what stands before it.
    pub(super) fn chain(&mut self, chain: &Expr) {
        let Expr::Dot(parts, ..) = chain else { return };
        let Some(kind) = self.kinds.of_expression(&parts.lhs) else { return };
        let name = match &parts.lhs {
            Expr::Variable(variable, ..) => variable.1.to_string(),
            Expr::FnCall(call, _) => format!("{}(…)", call.name),
            _ => String::new(),
        };
        self.step(&name, kind, &parts.rhs);
    }

    fn step(&mut self, before: &str, kind: Kind, step: &Expr) -> Option<(String, Kind)> {
        match step {
            Expr::Property(parts, position) => self.word((before, kind), &parts.2, Written::Property, *position),
            Expr::MethodCall(call, position) => {
                let next = self.word((before, kind), &call.name, Written::Call, *position);
                self.given(kind, &Call { name: &call.name, namespace: "", arguments: &call.args, position: *position });
                next
            }
            Expr::Dot(parts, ..) => {
                let (before, kind) = self.step(before, kind, &parts.lhs)?;
                self.step(&before, kind, &parts.rhs)
            }
            Expr::Index(parts, ..) => {
                self.step(before, kind, &parts.lhs)?;
                None
            }
            _ => None,
        }
    }

    fn word(&mut self, (before, kind): (&str, Kind), name: &str, written: Written, position: Position) -> Option<(String, Kind)> {
        let types = types_of(Some(kind));
        if types.is_empty() || kind == "map" {
            return None;
        }
        let shown = format!("{before}.{name}");
        if kind == "mail" && vocabulary::MAIL_LATER.contains(&name) {
            self.not_yet(&shown, position);
            return None;
        }
        let registered = match written {
            Written::Property => self.names.words.is_said_of(&types, &format!("get${name}")),
            Written::Call => self.names.words.is_said_of(&types, name),
        };
        if registered {
            return gives(kind, name).map(|kind| (shown, kind));
        }
        if written == Written::Property && self.names.words.is_said_of(&types, name) {
            let hint = said_of(kind, name).map_or(format!("write `.{name}(…)`"), |word| format!("write `{}`", word.written()));
            let complaint = Complaint::new(codes::PARAMETERS, format!("`{shown}` takes parameters"), position);
            self.complaints.push(complaint.hint(hint));
        } else if !self.names.own.contains_key(name) {
            let known: BTreeSet<&str> = words().filter(|word| said_of(kind, word.name).is_some()).map(|word| word.name).collect();
            let message = match kind {
                "mail" => format!("`{shown}` is not a word"),
                kind => format!("`{shown}` is not a word: {} has no `{name}`", said(kind)),
            };
            let hint = did_you_mean(name, known).or_else(|| neighbour(kind, name));
            self.complaints.push(Complaint::new(codes::UNKNOWN_WORD, message, position).hint_if(hint));
        }
        None
    }

    /// Whether the parameters of a word said of `kind` are of kinds that it takes.
    fn given(&mut self, kind: Kind, call: &Call) {
        let Some(word) = said_of(kind, call.name) else { return };
        let receiver = types_of(Some(kind));
        let counts = self.names.words.numbers.get(call.name).is_some_and(|numbers| numbers.contains(&(call.arguments.len() + 1)));
        if counts && !self.names.own.contains_key(call.name) {
            self.fits(call, &[receiver], word.written());
        }
    }

    /// Whether the parameters of a word that stands alone are of kinds that it takes.
    pub(super) fn given_alone(&mut self, call: &Call) {
        if let Some(word) = super::kinds::alone(call.name)
            && !self.names.own.contains_key(call.name)
        {
            self.fits(call, &[], word.written());
        }
    }

    fn fits(&mut self, call: &Call, receiver: &[Vec<std::any::TypeId>], written: &str) {
        let kinds: Vec<Option<Kind>> = call.arguments.iter().map(|argument| self.kinds.of_expression(argument)).collect();
        let types: Vec<Vec<std::any::TypeId>> =
            receiver.iter().cloned().chain(kinds.iter().map(|kind| types_of(*kind))).collect();
        let values: Vec<&[std::any::TypeId]> = types.iter().map(Vec::as_slice).collect();
        if self.names.words.takes(call.name, &values) {
            return;
        }
        // The first parameter without which it would fit is the one to name.
        let wrong = (0..kinds.len()).find(|skipped| {
            let values: Vec<&[std::any::TypeId]> =
                (0..values.len()).map(|at| if at == skipped + receiver.len() { &[][..] } else { values[at] }).collect();
            self.names.words.takes(call.name, &values)
        });
        let Some((kind, argument)) = wrong.and_then(|at| Some((kinds[at]?, &call.arguments[at]))) else { return };
        let message = format!("`{}` does not take {} here", call.name, said(kind));
        let complaint = Complaint::new(codes::PARAMETERS, message, super::start(argument));
        self.complaints.push(complaint.hint(format!("write `{written}`")));
    }
}

/// What people of other languages or tools look for.
fn neighbour(kind: Kind, name: &str) -> Option<String> {
    let written = match (kind, name) {
        ("mail", "body" | "content" | "message" | "plain") => "the text of a mail is `mail.text`",
        ("mail", "title" | "betreff") => "the subject is `mail.subject`",
        ("mail", "date" | "time" | "received_at") => "when it came is `mail.received`",
        ("mail", "files" | "attachments_list") => "its files are `mail.attachments`",
        ("address", "email" | "mail" | "addr") => "the address itself is `.address`",
        ("text", "upper" | "toUpperCase" | "lower" | "toLowerCase") => "write `.to_upper()` or `.to_lower()`",
        ("text", "includes" | "indexOf" | "has") => "write `.contains(part)`",
        ("text", "match" | "test" | "regex") => "write `.matches(regex)`, or `.find(regex)` for what it finds",
        ("text", "startsWith") => "write `.starts_with(part)`",
        ("text", "endsWith") => "write `.ends_with(part)`",
        ("text" | "list", "length" | "count" | "size") => "how many there are is `.len`",
        ("text", "address" | "domain" | "name") => "an address has that, such as `mail.from`; this is already a text",
        _ => return None,
    };
    Some(written.to_owned())
}
