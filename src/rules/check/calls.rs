//! Whether every function and method that is called exists and takes so many parameters.

use std::collections::BTreeSet;

use rhai::{Expr, Position};

use super::Checked;
use crate::rules::codes;
use crate::rules::syntax::{Complaint, unknown_name};
use crate::rules::vocabulary::{self, words};
use crate::text::did_you_mean;

/// Words of Rhai's packages that rules shall not have.
const REFUSED: [&str; 5] = ["print", "debug", "sleep", "timestamp", "exit"];

/// One call as it is written.
pub(super) struct Call<'c> {
    pub name: &'c str,
    pub namespace: &'c str,
    pub arguments: &'c [Expr],
    pub position: Position,
}

impl Checked<'_> {
    /// `name(…)` or `alias::name(…)`.
    pub(super) fn function(&mut self, call: &Call) {
        let given = call.arguments.len();
        if !call.namespace.is_empty() {
            self.imported(call);
            return;
        }
        let (own, words) = (self.names.own.get(call.name), self.names.words.numbers.get(call.name));
        let is_refused = own.is_none() && REFUSED.contains(&call.name);
        if is_refused || (own.is_none() && words.is_none()) {
            return self.unknown(call);
        }
        if !own.is_some_and(|numbers| numbers.contains(&given)) && !words.is_some_and(|numbers| numbers.contains(&given)) {
            return self.parameters(call, given, &own.or(words).cloned().unwrap_or_default(), 0);
        }
        self.given_alone(call);
    }

    /// A variable or constant: one that is nowhere in the file is told here, all of them; one that is elsewhere in it, when
    /// the rule is compiled.
    pub(super) fn name(&mut self, expression: &Expr) {
        let Expr::Variable(variable, _, position) = expression else { return };
        let name = variable.1.as_str();
        if variable.2.is_empty() && !self.kinds.has(name) && !self.script.constants.contains(name) {
            self.complaints.push(unknown_name(name, *position, &self.script.text));
        }
    }

    /// `something.name(…)`.
    pub(super) fn method(&mut self, call: &Call) {
        let given = call.arguments.len();
        let (own, words) = (self.names.own.get(call.name), self.names.words.numbers.get(call.name));
        if own.is_none() && words.is_none() {
            if vocabulary::MAIL_LATER.contains(&call.name) {
                return self.not_yet(call.name, call.position);
            }
            return self.unknown(call);
        }
        if !own.is_some_and(|numbers| numbers.contains(&given)) && !words.is_some_and(|numbers| numbers.contains(&(given + 1))) {
            self.parameters(call, given, &words.or(own).cloned().unwrap_or_default(), 1);
        }
    }

    pub(super) fn not_yet(&mut self, name: &str, position: Position) {
        self.complaints.push(Complaint::new(codes::NOT_YET, format!("`{name}` is not in this version"), position));
    }

    fn imported(&mut self, call: &Call) {
        let alias = call.namespace.trim_end_matches("::");
        let Some(functions) = self.names.imported.get(alias) else { return };
        let complaint = match functions.get(call.name) {
            None => {
                let hint = did_you_mean(call.name, functions.keys().map(String::as_str));
                let message = format!("there is no function `{}` in `{alias}`", call.name);
                Complaint::new(codes::UNKNOWN_FUNCTION, message, call.position).hint_if(hint)
            }
            Some(numbers) if !numbers.contains(&call.arguments.len()) => {
                return self.parameters(call, call.arguments.len(), &numbers.clone(), 0);
            }
            Some(_) => return,
        };
        self.complaints.push(complaint);
    }

    fn unknown(&mut self, call: &Call) {
        match call.name {
            "print" | "debug" => {
                let complaint = Complaint::new(codes::UNKNOWN_FUNCTION, format!("there is no `{}`", call.name), call.position);
                return self.complaints.push(complaint.hint("write `note(text)`; it goes into the message's story"));
            }
            "sleep" | "timestamp" | "exit" => {
                let message = format!("there is no `{}`: a rule neither waits nor ends early; write `return`", call.name);
                return self.complaints.push(Complaint::new(codes::UNKNOWN_FUNCTION, message, call.position));
            }
            name if vocabulary::LATER.contains(&name) => return self.not_yet(name, call.position),
            _ => {}
        }
        if let Some(hint) = neighbour(call.name) {
            let message = format!("there is no function `{}`", call.name);
            return self.complaints.push(Complaint::new(codes::UNKNOWN_FUNCTION, message, call.position).hint(hint));
        }
        // `categoris` is nearer to the action that stands alone than to the fact `mail.categories`.
        let alone = words().filter(|word| word.receiver().is_none()).map(|word| word.name);
        let hint = did_you_mean(call.name, alone).or_else(|| did_you_mean(call.name, self.names.callable()));
        let message = format!("there is no function `{}`", call.name);
        self.complaints.push(Complaint::new(codes::UNKNOWN_FUNCTION, message, call.position).hint_if(hint));
    }

    fn parameters(&mut self, call: &Call, given: usize, numbers: &BTreeSet<usize>, receiver: usize) {
        let taken: Vec<String> =
            numbers.iter().filter_map(|number| number.checked_sub(receiver)).map(|number| number.to_string()).collect();
        let parameters = if taken == ["1"] { "parameter" } else { "parameters" };
        let message = format!("`{}` takes {} {parameters}, not {given}", call.name, taken.join(" or "));
        let hint = words().find(|word| word.name == call.name).map(|word| format!("write `{}`", word.written()));
        self.complaints.push(Complaint::new(codes::PARAMETERS, message, call.position).hint_if(hint));
    }
}

/// What people of other tools call it.
fn neighbour(name: &str) -> Option<&'static str> {
    Some(match name {
        "fileinto" | "file_into" | "move" | "moveTo" | "move_mail" => "write `move_to(folder)`",
        "copy" | "copyTo" => "write `copy_to(folder)`",
        "redirect" | "send_to" | "forward_to" => "write `forward(to, note)`",
        "discard" | "remove" | "trash" => "write `delete()`; it moves to Deleted Items",
        "stop" | "end" | "break_rules" => "write `no_more_rules()`",
        "label" | "tag" | "add_category" | "addCategory" => "write `categorise(name)`",
        "answer" | "respond" | "autoreply" | "vacation" => "write `reply(template, data)`",
        "log" | "echo" | "puts" | "console" => "write `note(text)`; it goes into the message's story",
        "http" | "fetch" | "webhook" | "call_api" => {
            "write `post(endpoint, record)`, or `ask(endpoint, request)` to look something up"
        }
        "vlookup" | "VLOOKUP" => "write `lookup(table, column, value)`",
        _ => return None,
    })
}
