//! What kind of value an expression gives, as far as it can be seen: `mail` and what comes from it, texts, numbers.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTNode, Array, Expr, ImmutableString, Map, Stmt};
use rust_decimal::Decimal;

use crate::mail;
use crate::rules::script::Script;
use crate::rules::values::{
    AddressValue, AttachmentValue, AuthenticityValue, BounceValue, BouncedValue, Day, MailValue, Moment, PostReceipt, SheetValue,
    Told, VerdictValue,
};
use crate::rules::vocabulary::{Word, words};

/// A kind of value, in the words of the vocabulary: `text`, `number`, `mail` …
pub(super) type Kind = &'static str;

/// Variables and the kinds they stand for; a name that stands for two things stands for none.
pub(in crate::rules) struct Kinds {
    variables: BTreeMap<String, Option<Kind>>,
    own_functions: BTreeSet<String>,
}

impl Kinds {
    /// The kinds of a script's variables.
    pub fn of(script: &Script) -> Self {
        let own_functions = script.ast.iter_functions().map(|function| function.name.to_owned()).collect();
        let mut kinds = Self { variables: BTreeMap::new(), own_functions };
        for function in script.ast.iter_functions() {
            for (position, parameter) in function.params.iter().enumerate() {
                let is_mail = position == 0 && matches!(function.name, "when" | "then");
                kinds.stands_for((*parameter).to_owned(), if is_mail || *parameter == "mail" { Some("mail") } else { None });
            }
        }
        script.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(parts, ..))) => {
                    let kind = kinds.of_expression(&parts.1);
                    kinds.stands_for(parts.0.name.to_string(), kind);
                }
                Some(ASTNode::Stmt(Stmt::For(parts, _))) => {
                    kinds.stands_for(parts.0.name.to_string(), None);
                    kinds.stands_for(parts.1.as_ref().map(|counter| counter.name.to_string()).unwrap_or_default(), None);
                }
                Some(ASTNode::Stmt(Stmt::TryCatch(flow, _))) => {
                    if let Expr::Variable(variable, ..) = &flow.expr {
                        kinds.stands_for(variable.1.to_string(), None);
                    }
                }
                Some(ASTNode::Stmt(Stmt::Assignment(parts))) => {
                    if let Expr::Variable(variable, ..) = &parts.1.lhs {
                        kinds.stands_for(variable.1.to_string(), None);
                    }
                }
                _ => {}
            }
            true
        });
        kinds
    }

    fn stands_for(&mut self, name: String, kind: Option<Kind>) {
        self.variables.entry(name).and_modify(|known| *known = known.filter(|known| Some(*known) == kind)).or_insert(kind);
    }

    /// Whether a name stands for something somewhere in the file.
    pub fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// The kind of what an expression gives, unless it is absent.
    pub fn of_expression(&self, expression: &Expr) -> Option<Kind> {
        match expression {
            Expr::StringConstant(..) | Expr::InterpolatedString(..) | Expr::CharConstant(..) => Some("text"),
            Expr::IntegerConstant(..) => Some("number"),
            Expr::BoolConstant(..) | Expr::And(..) | Expr::Or(..) => Some("bool"),
            Expr::Array(..) => Some("list"),
            Expr::Map(..) => Some("map"),
            Expr::DynamicConstant(value, _) if value.is_decimal() => Some("number"),
            Expr::Variable(variable, ..) if variable.2.is_empty() => self.variables.get(variable.1.as_str()).copied().flatten(),
            Expr::Dot(parts, ..) => Self::of_chain(self.of_expression(&parts.lhs)?, &parts.rhs),
            Expr::Coalesce(parts, _) => {
                let first = self.of_expression(parts.first()?)?;
                parts.iter().all(|part| self.of_expression(part) == Some(first)).then_some(first)
            }
            Expr::FnCall(call, _) if call.op_token.is_some() => match call.name.as_str() {
                "==" | "!=" | "<" | "<=" | ">" | ">=" | "!" => Some("bool"),
                "+" if call.args.iter().all(|part| self.of_expression(part) == Some("text")) => Some("text"),
                _ => None,
            },
            Expr::FnCall(call, _) if call.namespace.is_empty() && !self.own_functions.contains(call.name.as_str()) => {
                match call.name.as_str() {
                    "require" => self.of_expression(call.args.first()?),
                    name => alone(name)?.gives().filter(|kind| *kind != "value"),
                }
            }
            _ => None,
        }
    }

    fn of_chain(kind: Kind, step: &Expr) -> Option<Kind> {
        match step {
            Expr::Property(parts, _) => gives(kind, &parts.2),
            Expr::MethodCall(call, _) => gives(kind, &call.name),
            Expr::Dot(parts, ..) => Self::of_chain(Self::of_chain(kind, &parts.lhs)?, &parts.rhs),
            _ => None,
        }
    }

    /// Whether an expression gives `()` when there is nothing: the word says so, and no `??` and no `require` stands around it.
    pub fn may_be_absent(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Dot(parts, ..) => {
                self.of_expression(&parts.lhs).is_some_and(|kind| Self::chain_may_be_absent(kind, &parts.rhs))
            }
            Expr::FnCall(call, _) if call.op_token.is_none() && call.namespace.is_empty() => {
                !self.own_functions.contains(call.name.as_str()) && alone(&call.name).is_some_and(Word::may_be_absent)
            }
            _ => false,
        }
    }

    fn chain_may_be_absent(kind: Kind, step: &Expr) -> bool {
        match step {
            Expr::Property(parts, _) => said_of(kind, &parts.2).is_some_and(Word::may_be_absent),
            Expr::MethodCall(call, _) => said_of(kind, &call.name).is_some_and(Word::may_be_absent),
            // A word asked of `()` gives `()`, unless it is a question.
            Expr::Dot(parts, ..) => {
                let last = Self::of_chain(kind, &parts.lhs).is_some_and(|kind| Self::chain_may_be_absent(kind, &parts.rhs));
                let before = Self::chain_may_be_absent(kind, &parts.lhs);
                last || (before && Self::of_chain(kind, step).is_some_and(|kind| kind != "bool"))
            }
            _ => false,
        }
    }
}

/// A word that stands alone.
pub(super) fn alone(name: &str) -> Option<&'static Word> {
    words().find(|word| word.name == name && word.receiver().is_none())
}

/// A word said of a kind of value; a moment has the words of its day too.
pub(super) fn said_of(kind: &str, name: &str) -> Option<&'static Word> {
    let mut found = words().filter(|word| word.name == name);
    found.find(|word| word.receiver() == Some(kind) || (kind == "moment" && word.receiver() == Some("day")))
}

/// The kind of what a word gives that is said of a kind of value.
pub(super) fn gives(kind: &str, name: &str) -> Option<Kind> {
    said_of(kind, name)?.gives().filter(|kind| *kind != "value")
}

/// The types of a kind's values; none for kinds whose words are not all known before they are there (maps, rows).
pub(super) fn types_of(kind: Option<Kind>) -> Vec<TypeId> {
    match kind.unwrap_or_default() {
        "text" => vec![TypeId::of::<ImmutableString>(), TypeId::of::<char>()],
        "number" => vec![TypeId::of::<i64>(), TypeId::of::<Decimal>()],
        "bool" => vec![TypeId::of::<bool>()],
        "list" => vec![TypeId::of::<Array>()],
        "map" => vec![TypeId::of::<Map>()],
        "mail" => vec![TypeId::of::<MailValue>()],
        "address" => vec![TypeId::of::<AddressValue>()],
        "attachment" => vec![TypeId::of::<AttachmentValue>()],
        "authenticity" => vec![TypeId::of::<AuthenticityValue>()],
        "verdict" => vec![TypeId::of::<VerdictValue>()],
        "bounce" => vec![TypeId::of::<BounceValue>()],
        "bounced recipient" => vec![TypeId::of::<BouncedValue>()],
        "day" => vec![TypeId::of::<Day>()],
        "moment" => vec![TypeId::of::<Moment>()],
        "receipt" => vec![TypeId::of::<PostReceipt>()],
        "sheet" => vec![TypeId::of::<SheetValue>()],
        "invoice" => vec![TypeId::of::<Told<mail::Invoice>>()],
        "party" => vec![TypeId::of::<Told<mail::Party>>()],
        "line" => vec![TypeId::of::<Told<mail::InvoiceLine>>()],
        "charge" => vec![TypeId::of::<Told<mail::Charge>>()],
        "tax" => vec![TypeId::of::<Told<mail::Tax>>()],
        "event" => vec![TypeId::of::<Told<mail::Event>>()],
        "attendee" => vec![TypeId::of::<Told<mail::Attendee>>()],
        "contact" => vec![TypeId::of::<Told<mail::Contact>>()],
        "dmarc_report" => vec![TypeId::of::<Told<mail::DmarcReport>>()],
        "dmarc_record" => vec![TypeId::of::<Told<mail::DmarcRecord>>()],
        "tls_report" => vec![TypeId::of::<Told<mail::TlsReport>>()],
        "tls_policy" => vec![TypeId::of::<Told<mail::TlsPolicy>>()],
        "tls_failure" => vec![TypeId::of::<Told<mail::TlsFailure>>()],
        "complaint" => vec![TypeId::of::<Told<mail::Complaint>>()],
        _ => Vec::new(),
    }
}

/// A kind as people say it: `a text`, `true or false`.
pub(super) fn said(kind: Kind) -> String {
    match kind {
        "bool" => "true or false".to_owned(),
        "result to come" => "the answer of a post".to_owned(),
        kind if kind.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}
