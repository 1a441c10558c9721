//! Whether a message meets a condition, and which of two messages comes first.

use std::cmp::Ordering as Order;

use jiff::Timestamp;

use super::super::http::GraphError;
use super::super::state::{Message, Recipient};
use super::parse::{Filter, Literal, Operator, Ordering};

/// A property's value as conditions see it.
#[derive(Debug, PartialEq)]
enum Value {
    Text(String),
    Bool(bool),
    Time(Timestamp),
    Null,
}

/// Whether the message meets the condition; a property that cannot be filtered by is an error.
pub(crate) fn matches(filter: &Filter, message: &Message) -> Result<bool, GraphError> {
    match filter {
        Filter::And(left, right) => Ok(matches(left, message)? && matches(right, message)?),
        Filter::Or(left, right) => Ok(matches(left, message)? || matches(right, message)?),
        Filter::Not(inner) => Ok(!matches(inner, message)?),
        Filter::Compare { property, operator, literal } => Ok(compare(&value(message, property)?, *operator, literal)),
        Filter::Any { property, condition } => any(message, property, condition),
        Filter::Extended { id, condition } => {
            let Some(text) = message.extended(id) else { return Ok(false) };
            condition.as_ref().map_or(Ok(true), |condition| element(condition, &Value::Text(text)))
        }
    }
}

/// Refuses a condition on what cannot be filtered by, or with what it cannot be compared with; before any message is looked at.
pub(crate) fn check_filter(filter: &Filter) -> Result<(), GraphError> {
    let none = Message::draft(Timestamp::UNIX_EPOCH);
    match filter {
        Filter::And(left, right) | Filter::Or(left, right) => {
            check_filter(left)?;
            check_filter(right)
        }
        Filter::Not(inner) => check_filter(inner),
        Filter::Compare { property, operator, literal } => {
            let is_text = [Operator::StartsWith, Operator::EndsWith, Operator::Contains].contains(operator);
            let fits = match (value(&none, property)?, literal) {
                (Value::Text(_) | Value::Null, Literal::Text(_)) => true,
                (Value::Bool(_), Literal::Bool(_)) | (Value::Time(_), Literal::Time(_)) | (_, Literal::Null) => !is_text,
                _ => false,
            };
            let text = format!("A binary operator with incompatible types was detected: '{property}' and {literal:?}.");
            if fits { Ok(()) } else { Err(GraphError::bad_request(text)) }
        }
        Filter::Any { property, condition } => {
            any(&none, property, condition)?;
            element(condition, &Value::Text(String::new())).map(|_| ())
        }
        Filter::Extended { condition, .. } => match condition {
            Some(condition) => element(condition, &Value::Text(String::new())).map(|_| ()),
            None => Ok(()),
        },
    }
}

/// Refuses an order by what cannot be ordered by.
pub(crate) fn check_order(orderings: &[Ordering]) -> Result<(), GraphError> {
    let none = Message::draft(Timestamp::UNIX_EPOCH);
    orderings.iter().try_for_each(|ordering| value(&none, &ordering.property).map(|_| ()))
}

fn any(message: &Message, property: &str, condition: &Filter) -> Result<bool, GraphError> {
    if !property.eq_ignore_ascii_case("categories") {
        return Err(unsupported(property));
    }
    for category in &message.categories {
        if element(condition, &Value::Text(category.clone()))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn element(condition: &Filter, value: &Value) -> Result<bool, GraphError> {
    match condition {
        Filter::And(left, right) => Ok(element(left, value)? && element(right, value)?),
        Filter::Or(left, right) => Ok(element(left, value)? || element(right, value)?),
        Filter::Not(inner) => Ok(!element(inner, value)?),
        Filter::Compare { property, operator, literal } if property.is_empty() || property == "value" => {
            Ok(compare(value, *operator, literal))
        }
        _ => Err(GraphError::bad_request("The lambda's condition is not supported.")),
    }
}

fn unsupported(property: &str) -> GraphError {
    GraphError::bad_request(format!(
        "Could not find a property named '{property}' on type 'microsoft.graph.message' to filter by."
    ))
}

fn value(message: &Message, path: &str) -> Result<Value, GraphError> {
    let address = |who: &Option<Recipient>| who.as_ref().map_or(Value::Null, |who| Value::Text(who.address.clone()));
    let name = |who: &Option<Recipient>| who.as_ref().map_or(Value::Null, |who| Value::Text(who.name.clone()));
    Ok(match path.to_lowercase().as_str() {
        "id" => Value::Text(message.id.clone()),
        "subject" => Value::Text(message.subject.clone()),
        "internetmessageid" => Value::Text(message.internet_id.clone()),
        "conversationid" => Value::Text(message.conversation.id()),
        "importance" => Value::Text(message.importance.clone()),
        "inferenceclassification" => Value::Text(message.inference.clone()),
        "isread" => Value::Bool(message.is_read),
        "isdraft" => Value::Bool(message.is_draft),
        "hasattachments" => Value::Bool(message.has_attachments()),
        "receiveddatetime" => Value::Time(message.received),
        "sentdatetime" => Value::Time(message.sent),
        "createddatetime" => Value::Time(message.created),
        "lastmodifieddatetime" => Value::Time(message.modified),
        "from/emailaddress/address" => address(&message.from),
        "sender/emailaddress/address" => address(&message.sender),
        "from/emailaddress/name" => name(&message.from),
        "sender/emailaddress/name" => name(&message.sender),
        "flag/flagstatus" => Value::Text(message.shown_flag()["flagStatus"].as_str().unwrap_or("notFlagged").to_owned()),
        "bodypreview" | "body/content" => Value::Text(super::super::mail_out::as_text(&message.body)),
        _ => return Err(unsupported(path)),
    })
}

/// Text compares without case, as Exchange does.
fn compare(value: &Value, operator: Operator, literal: &Literal) -> bool {
    let order = match (value, literal) {
        (Value::Text(own), Literal::Text(wanted)) => {
            let (own, wanted) = (own.to_lowercase(), wanted.to_lowercase());
            match operator {
                Operator::StartsWith => return own.starts_with(&wanted),
                Operator::EndsWith => return own.ends_with(&wanted),
                Operator::Contains => return own.contains(&wanted),
                _ => own.cmp(&wanted),
            }
        }
        (Value::Text(own), Literal::Number(wanted)) => match own.parse::<i64>() {
            Ok(own) => own.cmp(wanted),
            Err(_) => return operator == Operator::Ne,
        },
        (Value::Bool(own), Literal::Bool(wanted)) => own.cmp(wanted),
        (Value::Time(own), Literal::Time(wanted)) => own.cmp(wanted),
        (Value::Null, Literal::Null) => Order::Equal,
        _ => return operator == Operator::Ne,
    };
    match operator {
        Operator::Eq => order == Order::Equal,
        Operator::Ne => order != Order::Equal,
        Operator::Gt => order == Order::Greater,
        Operator::Ge => order != Order::Less,
        Operator::Lt => order == Order::Less,
        Operator::Le => order != Order::Greater,
        Operator::StartsWith | Operator::EndsWith | Operator::Contains => false,
    }
}

/// The order of two messages under `$orderby`; a property that cannot be ordered by is an error.
pub(crate) fn compare_by(orderings: &[Ordering], left: &Message, right: &Message) -> Result<Order, GraphError> {
    for ordering in orderings {
        let order = match (value(left, &ordering.property)?, value(right, &ordering.property)?) {
            (Value::Text(left), Value::Text(right)) => left.to_lowercase().cmp(&right.to_lowercase()),
            (Value::Bool(left), Value::Bool(right)) => left.cmp(&right),
            (Value::Time(left), Value::Time(right)) => left.cmp(&right),
            (Value::Null, Value::Null) => Order::Equal,
            (Value::Null, _) => Order::Less,
            (_, Value::Null) => Order::Greater,
            _ => Order::Equal,
        };
        let order = if ordering.is_descending { order.reverse() } else { order };
        if order != Order::Equal {
            return Ok(order);
        }
    }
    Ok(Order::Equal)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::parse::parse_filter;
    use super::*;

    fn message() -> Message {
        let mut message = Message::draft("2026-03-01T10:00:00Z".parse().unwrap());
        message.subject = "Invoice O'Neill 2024".into();
        message.from = Some(Recipient { name: "A".into(), address: "Billing@Fabrikam.com".into() });
        message.internet_id = "<a+b@fabrikam.com>".into();
        message.categories = vec!["Red".into(), "Invoice".into()];
        let id = "String {00020329-0000-0000-C000-000000000046} Name postroom.action";
        let normal = super::super::super::state::normal_property_id(id);
        message.properties.insert(normal, (id.to_owned(), "0a1b".to_owned()));
        message
    }

    #[test]
    fn conditions_mean_what_outlook_means_by_them() {
        let marker = "String {00020329-0000-0000-c000-000000000046} Name postroom.action";
        for (filter, wanted) in [
            ("isRead eq true and receivedDateTime ge 2026-03-01T00:00:00Z", true),
            ("receivedDateTime lt 2026-03-01T10:00:00Z", false),
            ("receivedDateTime ge 2026-03-01", true),
            ("from/emailAddress/address eq 'billing@fabrikam.com'", true),
            ("internetMessageId eq '<a+b@fabrikam.com>'", true),
            ("startswith(subject, 'invoice o''neill') and not contains(subject,'draft')", true),
            ("categories/any(c:c eq 'invoice')", true),
            ("categories/any(c:c eq 'Green') or (importance eq 'high')", false),
            ("not(isDraft eq true)", false),
            (&format!("singleValueExtendedProperties/Any(ep: ep/id eq '{marker}' and ep/value eq '0A1B')"), true),
            (&format!("singleValueExtendedProperties/any(p:p/id eq '{marker}' and contains(p/value,'zz'))"), false),
            ("singleValueExtendedProperties/Any(ep: ep/id eq 'Integer 0x0E07' and cast(ep/value, Edm.Int32) eq 9)", true),
        ] {
            let parsed = parse_filter(filter).unwrap_or_else(|error| panic!("{filter}: {error:?}"));
            assert_eq!(matches(&parsed, &message()).unwrap(), wanted, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_and_never_panics() {
        for filter in
            ["", "isRead eq", "isRead = true", "subject eq 'open", "(isRead eq true", "isRead eq true)", "any(", "x eq 5"]
        {
            let refused = parse_filter(filter).and_then(|parsed| matches(&parsed, &message()));
            assert_eq!(refused.map_err(|error| error.status), Err(400), "{filter}");
        }
        let deep = format!("{}isRead{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(parse_filter(&deep).is_err());
    }
}
