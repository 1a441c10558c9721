//! What files hold beside text: one value of a spreadsheet, an invoice, a calendar.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A value out of a file, with the type that the file gives it.
///
/// A format builds it no deeper than a few levels: it is walked recursively.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Data {
    /// An empty cell, a field that the file leaves out.
    #[default]
    #[serde(rename = "-")]
    Nothing,
    /// A text.
    #[serde(rename = "t")]
    Text(String),
    /// A number or an amount, with the digits that the file has.
    #[serde(rename = "n")]
    Number(Decimal),
    /// True or false.
    #[serde(rename = "f")]
    Flag(bool),
    /// A day.
    #[serde(rename = "d")]
    Day(Date),
    /// A day and a time, without a zone: where the mailbox is.
    #[serde(rename = "l")]
    Local(DateTime),
    /// A moment, the same everywhere.
    #[serde(rename = "m")]
    Moment(Timestamp),
    /// Several values.
    #[serde(rename = "s")]
    List(Vec<Data>),
    /// Named values, in the order of the file.
    #[serde(rename = "o")]
    Map(Vec<(String, Data)>),
}

impl Data {
    /// A text; nothing when it is blank.
    pub fn text(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() { Self::Nothing } else { Self::Text(text.to_owned()) }
    }

    /// Neither a value nor a blank.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

/// As it stands in a text of the file: dates as `2024-12-01`, lists joined by a comma.
impl std::fmt::Display for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Day(day) => write!(f, "{day}"),
            Self::Local(time) => f.write_str(&time.to_string().replace('T', " ")),
            Self::Moment(moment) => write!(f, "{moment}"),
            Self::List(items) => write!(f, "{}", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            Self::Map(fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{name}: {value}"));
                write!(f, "{}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
