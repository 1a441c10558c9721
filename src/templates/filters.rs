//! The filters that templates have besides Jinja's own.

use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use minijinja::value::Value;
use minijinja::{Error, ErrorKind};
use rust_decimal::Decimal;

use crate::text;

/// How `money` writes when no form is given.
const MONEY_FORM: &str = "1,234.56";
/// How `date` writes when no form is given.
const DATE_FORM: &str = "yyyy-MM-dd";

/// `{{ total | money }}`, `{{ total | money("1.234,56") }}`: a number, or its plain decimal text (`1190.00`).
pub(super) fn money(value: &Value, form: Option<&str>) -> Result<String, Error> {
    let written = present(value)?;
    if is_placeholder(&written) {
        return Ok(written);
    }
    let amount: Decimal = written.parse().map_err(|_| refuse(format!("`{written}` is not an amount of money")))?;
    text::format_number(amount, form.unwrap_or(MONEY_FORM)).map_err(|error| refuse(error.to_string()))
}

/// `{{ due | date("dd.MM.yyyy") }}`: an ISO date or date and time, its offset left aside.
pub(super) fn date(value: &Value, form: Option<&str>) -> Result<String, Error> {
    let written = present(value)?;
    if is_placeholder(&written) {
        return Ok(written);
    }
    let pieces = Pieces::parse(&written).map_err(|_| refuse(format!("`{written}` is not a date; dates look like 2024-12-01")))?;
    let moment = DateTime::from_parts(pieces.date(), pieces.time().unwrap_or(Time::midnight()));
    text::format_date(moment, form.unwrap_or(DATE_FORM)).map_err(|error| refuse(error.to_string()))
}

/// `{{ due | default("-") }}`: also for an absent value, unlike Jinja's own.
pub(super) fn default(value: &Value, other: Option<Value>) -> Value {
    if value.is_undefined() || value.is_none() { other.unwrap_or_else(|| Value::from("")) } else { value.clone() }
}

/// The value's text, if there is one to write.
pub(super) fn present(value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if value.is_none() { Err(absent()) } else { Ok(value.to_string()) }
}

/// The refusal to write an absent value into a mail.
pub(super) fn absent() -> Error {
    refuse("the value is absent; write `{% if … %}` around it or give it a `default(…)`".to_owned())
}

/// `‹id from erp›`: what an endpoint will answer, shown before it has.
fn is_placeholder(text: &str) -> bool {
    text.starts_with('‹') && text.ends_with('›')
}

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
