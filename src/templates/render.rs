//! Rendering within limits, and its refusals in words.

use std::collections::BTreeMap;
use std::io;

use minijinja::value::Value as Shown;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};
use serde_json::Value;

use super::{FUEL, OUTPUT_MAX, TemplateProblem, Templates, filters, scan};

/// Names that a message lists at most.
const LISTED_MAX: usize = 30;

/// What a template sees.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub data: &'a Value,
    pub mail: &'a Value,
}

/// Jinja as templates have it: strict but for `{% if … %}`, escaping, limited, without files.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(64);
    // Expressions are quoted in messages; their places are kept in this mode only.
    environment.set_debug(true);
    environment.set_auto_escape_callback(|name| {
        let plain = std::path::Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("txt"));
        if plain { AutoEscape::None } else { AutoEscape::Html }
    });
    environment.set_formatter(
        |out, state, value| if value.is_none() { Err(filters::absent()) } else { escape_formatter(out, state, value) },
    );
    environment.add_filter("money", filters::money);
    environment.add_filter("date", filters::date);
    environment.add_filter("default", filters::default);
    environment.add_filter("d", filters::default);
    environment
}

/// Renders one template.
///
/// # Errors
/// As [`super::Templates::render`].
pub(super) fn render(set: &Templates, name: &str, names: Names<'_>) -> Result<String, TemplateProblem> {
    let problem = |message: String| TemplateProblem { file: name.to_owned(), line: None, message };
    let template = set.environment.get_template(name).map_err(|_| problem(format!("there is no template `{name}`")))?;
    require(set, name, names)?;
    let mut context: BTreeMap<String, Shown> = BTreeMap::new();
    for (key, value) in names.data.as_object().into_iter().flatten() {
        if !value.is_null() {
            context.insert(key.clone(), shown(value));
        }
    }
    context.insert("mail".to_owned(), shown(names.mail));
    let mut output = Limited::default();
    let rendered = template.render_captured_to(Shown::from(context), &mut output).map(drop);
    match rendered {
        Ok(()) => String::from_utf8(output.written).map_err(|_| problem("the text is not valid UTF-8".to_owned())),
        Err(_) if output.exceeded => Err(problem(format!("the text grows beyond {} KB", OUTPUT_MAX / 1024))),
        Err(error) => Err(explain(&error, &set.sources, name, names)),
    }
}

/// Refuses data that lacks a name, as `{% if numbr %}` would take it for false. Absent values (`null`) are no lack.
fn require(set: &Templates, name: &str, names: Names<'_>) -> Result<(), TemplateProblem> {
    let has = |variable: &str| names.data.get(variable).is_some();
    let required = set.demands.get(name).into_iter().flat_map(|demands| &demands.required);
    let Some(lacking) = required.into_iter().find(|variable| !has(variable)) else { return Ok(()) };
    // Its own file first, then those it may have included.
    let line_in = |source: &String| {
        let tags = scan::tags(source);
        tags.iter().flat_map(|tag| &tag.tokens).find(|(token, _)| *token == scan::Token::Name(lacking)).map(|(_, line)| *line)
    };
    let own = set.sources.get_key_value(name);
    let place = own.into_iter().chain(&set.sources).find_map(|(file, source)| Some((file, line_in(source)?)));
    let (file, line) = place.map_or((name.to_owned(), None), |(file, line)| (file.clone(), Some(line)));
    Err(TemplateProblem { file, line, message: format!("`{lacking}` is not in the data{}", listed(names.data.as_object())) })
}

/// JSON as Jinja has it; done by hand, so that no number passes through another form. Keys without a value are left out:
/// Jinja would write `none` for them as soon as a filter has touched them.
fn shown(value: &Value) -> Shown {
    match value {
        Value::Null => Shown::from(()),
        Value::Bool(truth) => Shown::from(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(signed), _) => Shown::from(signed),
            (None, Some(unsigned)) => Shown::from(unsigned),
            (None, None) => number.as_f64().map_or_else(|| Shown::from(number.to_string()), Shown::from),
        },
        Value::String(text) => Shown::from(text.as_str()),
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(map) => map
            .iter()
            .filter(|(_, item)| !item.is_null())
            .map(|(key, item)| (key.clone(), shown(item)))
            .collect::<BTreeMap<_, _>>()
            .into(),
    }
}

/// A text that does not grow beyond [`OUTPUT_MAX`].
#[derive(Default)]
struct Limited {
    written: Vec<u8>,
    exceeded: bool,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written.len() + bytes.len() > OUTPUT_MAX {
            self.exceeded = true;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn explain(error: &Error, sources: &BTreeMap<String, String>, name: &str, names: Names<'_>) -> TemplateProblem {
    let error = innermost(error);
    let file = error.name().filter(|file| sources.contains_key(*file)).unwrap_or(name).to_owned();
    let undefined = error.detail().and_then(undefined);
    let expression =
        undefined.or_else(|| error.range().and_then(|range| operand(sources.get(&file)?, range))).unwrap_or_default();
    let message = match error.kind() {
        _ if undefined.is_some() => not_there(expression, names),
        ErrorKind::UndefinedError => not_there(expression, names),
        ErrorKind::OutOfFuel => "rendering takes too much work; are there loops within loops?".to_owned(),
        _ => error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned),
    };
    TemplateProblem { file, line: error.line(), message }
}

/// The expression that Jinja itself names: "(`numbr` is undefined)".
fn undefined(detail: &str) -> Option<&str> {
    let (before, _) = detail.rsplit_once("` is undefined")?;
    before.rsplit_once('`').map(|(_, expression)| expression)
}

/// The expression at fault: the place itself, or what stands before a filter when that refused.
fn operand(source: &str, range: std::ops::Range<usize>) -> Option<&str> {
    let before = source.get(..range.start)?.trim_end();
    let Some(filtered) = before.strip_suffix('|') else { return source.get(range).map(str::trim) };
    let filtered = filtered.trim_end();
    let start = filtered.rfind(|sign: char| !(sign.is_alphanumeric() || matches!(sign, '_' | '.'))).map_or(0, |at| at + 1);
    // The sign found may be wider than a byte; then there is no plain name.
    filtered.get(start..)
}

/// The error of the template that failed, below those of the templates that include it.
fn innermost(error: &Error) -> &Error {
    let mut inner = error;
    let mut source = std::error::Error::source(error);
    for _ in 0..16 {
        let Some(next) = source else { break };
        if let Some(found) = next.downcast_ref::<Error>() {
            inner = found;
        }
        source = next.source();
    }
    inner
}

fn not_there(expression: &str, names: Names<'_>) -> String {
    let parts: Vec<&str> = expression.split('.').collect();
    let plain = |part: &&str| !part.is_empty() && part.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
    if !parts.iter().all(plain) {
        return format!("`{expression}` uses something that is not in the data");
    }
    let mut at = names.data;
    for (position, part) in parts.iter().enumerate() {
        match at.get(part) {
            _ if position == 0 && *part == "mail" => at = names.mail,
            Some(Value::Null) => {
                return format!("`{expression}` is absent; write `{{% if {expression} %}}` around it or give it a `default(…)`");
            }
            Some(found) => at = found,
            // The first part of several may be a name of the template's own, of a loop.
            None if position == 0 && parts.len() > 1 => break,
            None => {
                let place = if position == 0 { "the data".to_owned() } else { format!("`{}`", parts[..position].join(".")) };
                return format!("`{part}` is not in {place}{}", listed(at.as_object()));
            }
        }
    }
    format!("`{expression}` is not there")
}

fn listed(map: Option<&serde_json::Map<String, Value>>) -> String {
    let keys: Vec<&str> = map.into_iter().flat_map(|map| map.keys()).take(LISTED_MAX).map(String::as_str).collect();
    if keys.is_empty() { "; there is nothing".to_owned() } else { format!("; there are: {}", keys.join(", ")) }
}
