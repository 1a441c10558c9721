//! What is written out in a call: endpoints, folders, templates and their data, tables, patterns.

use rhai::{Expr, Position};

use super::Checked;
use super::calls::Call;
use crate::ids::EndpointName;
use crate::rules::script::literal_text;
use crate::rules::syntax::Complaint;
use crate::rules::vocabulary::{FORWARD_OPTIONS, REPLY_OPTIONS, SEND_OPTIONS};
use crate::rules::{codes, folder};
use crate::text;
use crate::text::{did_you_mean, nearest};

impl Checked<'_> {
    pub(super) fn literals(&mut self, call: &Call) {
        let argument = |position: usize| call.arguments.get(position);
        match call.name {
            "post" | "post_each" | "ask" => self.endpoint(call),
            "move_to" | "copy_to" => self.folder(argument(0)),
            "reply" | "reply_all" | "draft_reply" => {
                self.template(argument(0), argument(1), true);
                self.options(argument(2), &REPLY_OPTIONS);
            }
            "send" => {
                self.options(argument(0), &SEND_OPTIONS);
                self.template(entry(argument(0), "template"), entry(argument(0), "data"), is_map(argument(0)));
            }
            "forward" => {
                self.options(argument(1), &FORWARD_OPTIONS);
                self.template(entry(argument(1), "template"), entry(argument(1), "data"), is_map(argument(1)));
            }
            "lookup" => self.table(call, 1, true),
            "lookup_prefix" => self.table(call, 1, false),
            "lookup_range" => self.table(call, 2, false),
            _ => {}
        }
    }

    /// The regular expression of `text.find(…)` and its like.
    pub(super) fn pattern(&mut self, call: &Call) {
        if !matches!(call.name, "find" | "find_all" | "groups" | "matches") {
            return;
        }
        let Some((expression, position)) = call.arguments.first().and_then(written) else { return };
        if let Err(error) = text::pattern(&expression) {
            let message = format!("bad regular expression `{}`: {}", error.pattern, error.reason);
            self.complain(codes::PATTERN, message, position, error.hint.map(str::to_owned));
        }
    }

    fn complain(&mut self, code: &'static str, message: String, position: Position, hint: Option<String>) {
        self.complaints.push(Complaint::new(code, message, position).hint_if(hint));
    }

    fn endpoint(&mut self, call: &Call) {
        let Some((name, position)) = call.arguments.first().and_then(written) else { return };
        let endpoints = &self.known.surroundings.endpoints;
        match endpoints.get(&EndpointName::new(name.as_str())) {
            None => {
                let near = did_you_mean(&name, endpoints.keys().map(EndpointName::as_str));
                let hint = near.or(Some("endpoints are named in the configuration".to_owned()));
                self.complain(codes::ENDPOINT, format!("there is no endpoint `{name}`"), position, hint);
            }
            Some(facts) if call.name == "ask" && !facts.read_only => {
                let hint = Some("asking must change nothing; to send something write `post`".to_owned());
                self.complain(codes::NOT_READ_ONLY, format!("`{name}` cannot be asked: it is not `read_only`"), position, hint);
            }
            Some(_) => {}
        }
    }

    fn folder(&mut self, path: Option<&Expr>) {
        let Some((path, position)) = path.and_then(written) else { return };
        if let Err(message) = folder::checked(&path, &self.known.surroundings.allowed_folders) {
            self.complain(codes::FOLDER, message, position, None);
        }
    }

    fn options(&mut self, map: Option<&Expr>, known: &[&str]) {
        let Some(Expr::Map(parts, _)) = map else { return };
        for (key, _) in &parts.0 {
            if !known.contains(&key.name.as_str()) {
                let message = format!("`{}` is not an option; there are: {}", key.name, known.join(", "));
                self.complain(codes::OPTION, message, key.pos, did_you_mean(&key.name, known.iter().copied()));
            }
        }
    }

    /// Whether the template is there and gets what it needs; `complete` when absent data means none.
    fn template(&mut self, name: Option<&Expr>, data: Option<&Expr>, complete: bool) {
        let Some((name, position)) = name.and_then(written) else { return };
        if !self.known.template_names.contains(&name) {
            let hint = did_you_mean(&name, self.known.template_names.iter().map(String::as_str));
            return self.complain(codes::TEMPLATE, format!("there is no template `{name}`"), position, hint);
        }
        let given: Vec<&str> = match data {
            Some(Expr::Map(parts, _)) => parts.0.iter().map(|(key, _)| key.name.as_str()).collect(),
            None if complete => Vec::new(),
            _ => return,
        };
        let missing: Vec<String> =
            self.known.templates.variables(&name).into_iter().filter(|variable| !given.contains(&variable.as_str())).collect();
        if let Some(first) = missing.first() {
            let message = format!("the template `{name}` needs {} too", missing.join(", "));
            let near = nearest(first, given.iter().copied()).map(|given| format!("should `{given}` be `{first}`?"));
            self.complain(codes::TEMPLATE_VARIABLE, message, position, near);
        }
    }

    fn table(&mut self, call: &Call, columns: usize, keys: bool) {
        let Some((name, position)) = call.arguments.first().and_then(written) else { return };
        let Some(table) = self.known.tables.get(&name) else {
            let hint = did_you_mean(&name, self.known.tables.keys().map(String::as_str));
            return self.complain(codes::TABLE, format!("there is no table `{name}`"), position, hint);
        };
        let mut found = Vec::new();
        for (column, position) in call.arguments.iter().skip(1).take(columns).filter_map(written) {
            match table.column(&column) {
                None => {
                    let message = format!("`{name}` has no column `{column}`; there are: {}", table.headers().join(", "));
                    let hint = did_you_mean(&column, table.headers().iter().map(String::as_str));
                    found.push((codes::TABLE, message, position, hint));
                }
                Some(at) if keys => {
                    if let Some(key) = table.doubled(at) {
                        found.push((
                            codes::BAD_TABLE,
                            format!("`{key}` stands twice in the column `{column}` of `{name}`"),
                            position,
                            None,
                        ));
                    }
                }
                Some(_) => {}
            }
        }
        for (code, message, position, hint) in found {
            self.complain(code, message, position, hint);
        }
    }
}

fn written(expression: &Expr) -> Option<(String, Position)> {
    literal_text(expression).map(|text| (text, expression.position()))
}

fn entry<'e>(map: Option<&'e Expr>, key: &str) -> Option<&'e Expr> {
    let Some(Expr::Map(parts, _)) = map else { return None };
    parts.0.iter().find(|(name, _)| name.name == key).map(|(_, value)| value)
}

fn is_map(expression: Option<&Expr>) -> bool {
    matches!(expression, Some(Expr::Map(..)))
}
