//! The values of ours that scripts hold: what a mail is made of, days and moments, what a post will answer.

use std::sync::{Arc, OnceLock};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rhai::{Dynamic, ImmutableString};

use crate::ids::EndpointName;
use crate::mail::{Address, Attachment, Authenticity, Bounce, BouncedRecipient, Message};
use crate::plan::Receipt;

/// A message and what scripts have read of it; texts are made once.
pub(super) struct Facts {
    pub message: Arc<Message>,
    pub zone: TimeZone,
    pub subject: OnceLock<Dynamic>,
    pub text: OnceLock<Dynamic>,
    pub top_text: OnceLock<Dynamic>,
    pub quoted_text: OnceLock<Dynamic>,
    pub signature: OnceLock<Dynamic>,
    pub notices: OnceLock<Dynamic>,
    pub forwarded: OnceLock<Dynamic>,
    pub html: OnceLock<Dynamic>,
}

impl Facts {
    pub fn new(message: Arc<Message>, zone: TimeZone) -> Self {
        let (subject, text, top_text, quoted_text, signature, notices, forwarded, html) = <_>::default();
        Self { message, zone, subject, text, top_text, quoted_text, signature, notices, forwarded, html }
    }
}

/// `mail`.
#[derive(Clone)]
pub(super) struct MailValue(pub Arc<Facts>);

/// One of a mail's attachments, or a file in one.
#[derive(Clone)]
pub(super) struct AttachmentValue {
    pub mail: Arc<Facts>,
    /// Its place among the attachments, then among the files in that one, and so on.
    pub path: Arc<[usize]>,
}

impl AttachmentValue {
    /// What it stands for.
    pub fn file(&self) -> Option<&Attachment> {
        let (first, inside) = self.path.split_first()?;
        let attachment = self.mail.message.content().ok()?.attachments().get(*first)?;
        inside.iter().try_fold(attachment, |file, place| file.files().ok()?.get(*place))
    }
}

/// A sheet of a spreadsheet.
#[derive(Clone)]
pub(super) struct SheetValue {
    pub file: AttachmentValue,
    pub index: usize,
}

/// A value out of a file that tells its parts: an invoice, its seller, an event.
pub(super) struct Told<T> {
    pub value: Arc<T>,
    /// The mailbox's, for moments.
    pub zone: TimeZone,
}

impl<T> Clone for Told<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), zone: self.zone.clone() }
    }
}

/// `mail.from` and its like.
#[derive(Clone)]
pub(super) struct AddressValue(pub Address);

/// `mail.authenticity`.
#[derive(Clone)]
pub(super) struct AuthenticityValue(pub Arc<Authenticity>);

/// `mail.authenticity.verdict`: one of [`VERDICTS`].
#[derive(Clone)]
pub(super) struct VerdictValue(pub &'static str);

/// The words a verdict may be compared with.
pub(super) const VERDICTS: [&str; 3] = ["pass", "fail", "unknown"];

/// `mail.bounce`.
#[derive(Clone)]
pub(super) struct BounceValue(pub Arc<Bounce>);

/// One of a bounce's recipients.
#[derive(Clone)]
pub(super) struct BouncedValue(pub BouncedRecipient);

/// A day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub Date);

/// A moment, in the mailbox's time zone.
#[derive(Clone)]
pub(super) struct Moment(pub jiff::Zoned);

/// What `post` gives.
#[derive(Clone)]
pub(super) struct PostReceipt {
    pub action: usize,
    pub endpoint: EndpointName,
}

/// `receipt.result("id")`: stands for what is not known yet.
#[derive(Clone)]
pub(super) struct Ahead(pub Receipt);

/// `optional(())`: may be absent from a record.
#[derive(Clone)]
pub(super) struct Nothing;

/// A text, or `()` when there is none.
pub(super) fn text_or_absent(text: Option<&str>) -> Dynamic {
    text.filter(|text| !text.is_empty()).map_or(Dynamic::UNIT, |text| Dynamic::from(ImmutableString::from(text)))
}

/// What people call a value's kind.
pub(super) fn kind_of(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        return "nothing";
    }
    if value.is_string() || value.is_char() {
        return "a text";
    }
    if value.is_int() || value.is_decimal() {
        return "a number";
    }
    if value.is_bool() {
        return "true or false";
    }
    if value.is_array() {
        return "a list";
    }
    if value.is_map() {
        return "a map";
    }
    kind_of_type(value.type_name())
}

/// What people call a Rust type's values.
pub(super) fn kind_of_type(name: &str) -> &'static str {
    match name.trim_end_matches('>').rsplit("::").next().unwrap_or(name) {
        "MailValue" | "mail" => "a mail",
        "AttachmentValue" | "attachment" => "an attachment",
        "SheetValue" | "sheet" => "a sheet",
        "AddressValue" | "address" => "an address",
        "AuthenticityValue" | "authenticity" => "an authenticity",
        "VerdictValue" | "verdict" => "a verdict",
        "BounceValue" | "bounce" => "a bounce",
        "BouncedValue" | "bounced recipient" => "a bounced recipient",
        "Day" | "day" => "a day",
        "Moment" | "moment" => "a moment",
        "PostReceipt" | "receipt" => "a receipt",
        "Ahead" | "result to come" => "the answer of a post",
        "Nothing" | "optional" => "an optional value",
        "Row" | "row" => "a row",
        "Invoice" | "invoice" => "an invoice",
        "Party" | "party" => "a party of an invoice",
        "InvoiceLine" | "line" => "a line of an invoice",
        "Event" | "event" => "an event",
        "Attendee" | "attendee" => "an attendee",
        "Contact" | "contact" => "a contact",
        "()" => "nothing",
        "i64" | "decimal" | "Decimal" => "a number",
        "bool" => "true or false",
        "string" | "char" | "ImmutableString" | "String" | "&str" | "&str | ImmutableString | String" => "a text",
        "array" | "Array" => "a list",
        "map" | "Map" => "a map",
        "Fn" | "FnPtr" => "a function",
        "range" | "range=" => "a range",
        _ => "a value",
    }
}
