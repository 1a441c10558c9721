//! The query options of lists, and pages of results.

use serde_json::{Map, Value, json};

use crate::simulator::filter::{Filter, Ordering, Search, check_filter, check_order, parse_filter, parse_order, parse_search};
use crate::simulator::http::{Answer, Call, GraphError};

/// Graph's page when the client names none.
const PAGE: usize = 10;

/// Outlook's longest page.
const PAGE_MAX: usize = 1000;

/// `$filter` or `$search`, `$orderby`, `$top`, `$skip`.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub filter: Option<Filter>,
    pub search: Option<Search>,
    pub order: Vec<Ordering>,
    pub top: usize,
    pub skip: usize,
}

impl Query {
    /// Reads the options of a list of messages.
    pub fn of(call: &Call) -> Result<Self, GraphError> {
        let search = call.option("search").map(|text| search(call, text)).transpose()?;
        let filter = call.option("filter").map(parse_filter).transpose()?;
        let order = call.option("orderby").map(parse_order).transpose()?.unwrap_or_default();
        if let Some(filter) = &filter {
            check_filter(filter)?;
        }
        check_order(&order)?;
        refuse_inefficient(filter.as_ref(), &order)?;
        if let Some(count) = call.option("count").filter(|count| !["true", "false"].contains(&count.to_lowercase().as_str())) {
            return Err(GraphError::bad_request(format!("Invalid value '{count}' for $count: true or false is needed.")));
        }
        Ok(Self { filter, search, order, top: page_size(call)?, skip: number(call, "skip")?.unwrap_or(0) })
    }
}

fn search(call: &Call, text: &str) -> Result<Search, GraphError> {
    for (name, code) in [("filter", "SearchWithFilter"), ("orderby", "SearchWithOrderBy")] {
        if call.option(name).is_some() {
            let text = format!("The query parameter '${name}' is not supported with '$search'.");
            return Err(GraphError::new(400, code, text));
        }
    }
    parse_search(text)
}

/// Outlook's rule: properties of `$orderby` stand in `$filter` too, in the same order and before all others.
fn refuse_inefficient(filter: Option<&Filter>, order: &[Ordering]) -> Result<(), GraphError> {
    let Some(filter) = filter else { return Ok(()) };
    let properties = filter.properties();
    let meets = order
        .iter()
        .enumerate()
        .all(|(place, ordering)| properties.get(place).is_some_and(|property| property.eq_ignore_ascii_case(&ordering.property)));
    if meets {
        return Ok(());
    }
    Err(GraphError::new(400, "InefficientFilter", "The restriction or sort order is too complex for this operation."))
}

/// `$top`, else `Prefer: odata.maxpagesize`, else ten.
pub(super) fn page_size(call: &Call) -> Result<usize, GraphError> {
    if let Some(top) = number(call, "top")? {
        if top > PAGE_MAX || top == 0 {
            let text = format!(
                "The value of Top must be from 1 to the limit of '{PAGE_MAX}'. The value from the incoming request is '{top}'."
            );
            return Err(GraphError::new(400, "ErrorInvalidUrlQuery", text));
        }
        return Ok(top);
    }
    let preferred = call.prefer("odata.maxpagesize").and_then(|size| size.parse().ok()).filter(|size| *size > 0);
    Ok(preferred.unwrap_or(PAGE).min(PAGE_MAX))
}

fn number(call: &Call, name: &str) -> Result<Option<usize>, GraphError> {
    let Some(text) = call.option(name) else { return Ok(None) };
    let wrong =
        || GraphError::new(400, "ErrorInvalidUrlQuery", format!("Invalid value '{text}' for ${name}: a number is needed."));
    text.trim().parse().map(Some).map_err(|_| wrong())
}

/// One page of a list that is known whole.
pub(super) fn page(call: &Call, query: (usize, usize), total: usize, rows: Vec<Value>) -> Answer {
    let (skip, top) = query;
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), json!(context(call)));
    if call.option("count").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        body.insert("@odata.count".to_owned(), json!(total));
    }
    if skip + rows.len() < total && top > 0 {
        body.insert("@odata.nextLink".to_owned(), json!(next_link(call, skip + rows.len())));
    }
    body.insert("value".to_owned(), Value::Array(rows));
    Answer::graph(200, Value::Object(body))
}

/// `@odata.context` of what was asked for.
pub(super) fn context(call: &Call) -> String {
    let path: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    let below = path.get(2..).map(|rest| rest.join("/")).unwrap_or_default();
    format!("{}/v1.0/$metadata#users('{}')/{below}", call.base, encode(path.get(1).unwrap_or(&"")))
}

fn next_link(call: &Call, skip: usize) -> String {
    let others = call.options().iter().filter(|(name, _)| name != "skip");
    let mut options: Vec<String> = others.map(|(name, value)| format!("{}={}", option_name(name), encode(value))).collect();
    options.push(format!("%24skip={skip}"));
    format!("{}{}?{}", call.base, call.path, options.join("&"))
}

fn option_name(name: &str) -> String {
    let system = ["select", "filter", "orderby", "top", "count", "expand", "search"].contains(&name);
    if system { format!("%24{name}") } else { encode(name) }
}

/// Percent-encoding of everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
