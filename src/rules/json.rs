//! Script values to JSON and back: decimals keep their digits, maps are in order, nothing absent slips through.

use jiff::tz::TimeZone;
use rhai::{Array, Dynamic, ImmutableString, Map};
use rust_decimal::Decimal;
use serde_json::Value;

use super::codes;
use super::limits::RECORD_DEPTH_MAX;
use super::row::Row;
use super::values::{Ahead, Day, Moment, Nothing, Told, VerdictValue, kind_of, text_or_absent};
use crate::mail::{Data, Invoice};

/// Why a value cannot stand in a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub code: &'static str,
    pub message: String,
    pub hint: &'static str,
}

/// Whether what a post will answer may stand in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// In records and template data: it is filled in before they go out.
    MayCome,
    /// In questions: they are asked at once.
    MustBeKnown,
}

/// The JSON of a value. `name` is what the value is called in a complaint: `record`.
pub(super) fn to_json(value: &Dynamic, name: &str, answers: Answers) -> Result<Value, Unfit> {
    Writer { name, answers, path: Vec::new() }.write(value)
}

struct Writer<'n> {
    name: &'n str,
    answers: Answers,
    path: Vec<String>,
}

impl Writer<'_> {
    fn write(&mut self, value: &Dynamic) -> Result<Value, Unfit> {
        if self.path.len() > RECORD_DEPTH_MAX {
            return Err(self.unfit(codes::RECORD, "is nested too deep", ""));
        }
        if value.is_unit() {
            let hint = "write `optional(…)` if it may be absent, `require(…, \"reason\")` if it may not";
            return Err(self.unfit(codes::RECORD, "is absent", hint));
        }
        if let Ok(list) = value.as_array_ref() {
            return list.iter().enumerate().map(|(at, item)| self.below(at.to_string(), item)).collect();
        }
        if let Ok(map) = value.as_map_ref() {
            return self.write_map(&map);
        }
        if let Some(row) = value.read_lock::<Row>() {
            let cell = |cell: &Dynamic| if cell.is_unit() { Ok(Value::Null) } else { self.write_single(cell) };
            return row.pairs().map(|(column, value)| Ok((column.to_owned(), cell(&value)?))).collect();
        }
        self.write_single(value)
    }

    fn write_map(&mut self, map: &Map) -> Result<Value, Unfit> {
        let mut object = serde_json::Map::new();
        for (key, item) in map {
            if key.starts_with('$') {
                return Err(self.unfit(codes::RECORD, &format!("has a key `{key}`"), "keys that begin with `$` are reserved"));
            }
            object.insert(key.to_string(), self.below(key.to_string(), item)?);
        }
        Ok(Value::Object(object))
    }

    fn write_single(&self, value: &Dynamic) -> Result<Value, Unfit> {
        if let Ok(text) = value.as_immutable_string_ref() {
            return Ok(Value::from(text.as_str()));
        }
        if let Ok(number) = value.as_int() {
            return Ok(Value::from(number));
        }
        if let Ok(number) = value.as_decimal() {
            return Ok(Value::from(number.to_string()));
        }
        if let Ok(flag) = value.as_bool() {
            return Ok(Value::from(flag));
        }
        if let Ok(sign) = value.as_char() {
            return Ok(Value::from(sign.to_string()));
        }
        if let Some(day) = value.read_lock::<Day>() {
            return Ok(Value::from(day.0.to_string()));
        }
        if let Some(moment) = value.read_lock::<Moment>() {
            return Ok(Value::from(moment.0.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()));
        }
        if let Some(verdict) = value.read_lock::<VerdictValue>() {
            return Ok(Value::from(verdict.0));
        }
        if let Some(invoice) = value.read_lock::<Told<Invoice>>() {
            return Ok(serde_json::to_value(&*invoice.value).unwrap_or_default());
        }
        if value.is::<Nothing>() {
            return Ok(Value::Null);
        }
        if let Some(ahead) = value.read_lock::<Ahead>() {
            if self.answers == Answers::MustBeKnown {
                return Err(self.unfit(codes::ANSWER_AHEAD, "is the answer of a post, which is not known yet", ""));
            }
            return Ok(ahead.0.to_value());
        }
        let hint = match kind_of(value) {
            "an address" => "take its `.address` or `.name`",
            "an attachment" => "take its `.name`, `.text`, `.rows` …",
            "a receipt" => "take its `.result(\"field\")`",
            _ => "take the texts, numbers and days it is made of",
        };
        Err(self.unfit(codes::RECORD, &format!("is {}, which cannot be sent as it is", kind_of(value)), hint))
    }

    fn below(&mut self, step: String, item: &Dynamic) -> Result<Value, Unfit> {
        self.path.push(step);
        let written = self.write(item);
        self.path.pop();
        written
    }

    fn unfit(&self, code: &'static str, what: &str, hint: &'static str) -> Unfit {
        let field =
            if self.path.is_empty() { self.name.to_owned() } else { format!("{}'s field `{}`", self.name, self.path.join(".")) };
        Unfit { code, message: format!("{field} {what}"), hint }
    }
}

/// The script value of JSON; a number with a fraction is decimal, `null` is `()`.
pub(super) fn from_json(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => Dynamic::from(*flag),
        Value::Number(number) => number.as_i64().map_or_else(|| decimal(&number.to_string()), Dynamic::from),
        Value::String(text) => Dynamic::from(ImmutableString::from(text.as_str())),
        Value::Array(items) => Dynamic::from(items.iter().map(from_json).collect::<Array>()),
        Value::Object(map) => {
            Dynamic::from(map.iter().map(|(key, item)| (key.as_str().into(), from_json(item))).collect::<Map>())
        }
    }
}

/// The script value of what a file holds; a time without a zone is one where the mailbox is.
pub(super) fn from_data(data: &Data, zone: &TimeZone) -> Dynamic {
    match data {
        Data::Nothing => Dynamic::UNIT,
        Data::Text(text) => text_or_absent(Some(text)),
        Data::Number(number) => Dynamic::from_decimal(*number),
        Data::Flag(flag) => Dynamic::from(*flag),
        Data::Day(day) => Dynamic::from(Day(*day)),
        Data::Local(time) => time.to_zoned(zone.clone()).map_or(Dynamic::UNIT, |moment| Dynamic::from(Moment(moment))),
        Data::Moment(moment) => Dynamic::from(Moment(moment.to_zoned(zone.clone()))),
        Data::List(items) => Dynamic::from(items.iter().map(|item| from_data(item, zone)).collect::<Array>()),
        Data::Map(fields) => {
            Dynamic::from(fields.iter().map(|(name, value)| (name.as_str().into(), from_data(value, zone))).collect::<Map>())
        }
    }
}

fn decimal(digits: &str) -> Dynamic {
    let number = digits.parse().or_else(|_| Decimal::from_scientific(digits));
    number.map_or_else(|_| Dynamic::from(ImmutableString::from(digits)), |number: Decimal| Dynamic::from_decimal(number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn decimals_keep_their_digits_and_absence_is_named() {
        let mut map = Map::new();
        map.insert("total".into(), Dynamic::from_decimal("1190.00".parse().unwrap()));
        map.insert("number".into(), 7_i64.into());
        map.insert("due".into(), Dynamic::from(Day(jiff::civil::date(2024, 12, 1))));
        map.insert("note".into(), Dynamic::from(Nothing));
        let record = Dynamic::from(map.clone());
        assert_eq!(
            to_json(&record, "the record", Answers::MayCome).unwrap(),
            json!({ "due": "2024-12-01", "note": null, "number": 7, "total": "1190.00" })
        );
        map.insert("lines".into(), Dynamic::from(vec![Dynamic::UNIT]));
        let unfit = to_json(&Dynamic::from(map), "the record", Answers::MayCome).unwrap_err();
        assert_eq!((unfit.code, unfit.message.as_str()), ("R204", "the record's field `lines.0` is absent"));
    }

    #[test]
    fn json_comes_back_with_decimals() {
        let value = from_json(&json!({ "price": 12.5, "big": 1e30, "none": null }));
        let map = value.as_map_ref().unwrap();
        assert_eq!(map["price"].as_decimal().unwrap().to_string(), "12.5");
        assert!(map["none"].is_unit());
    }
}
