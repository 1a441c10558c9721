//! Microsoft's own data model of Graph, and what of an exchange does not keep to it: unknown names, wrong types, nulls where none may be.
//!
//! `model.json` is the published model's part for mail and what belongs to it; two types that it lacks are added here.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use serde::Deserialize;
use serde_json::{Map, Value};

static MODEL: LazyLock<Model> = LazyLock::new(Model::load);

#[derive(Deserialize)]
struct Model {
    types: BTreeMap<String, Type>,
    enums: BTreeMap<String, Vec<String>>,
    operations: Vec<Operation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Type {
    base: Option<String>,
    open: bool,
    properties: BTreeMap<String, String>,
    navigation: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Operation {
    name: String,
    on: String,
    parameters: BTreeMap<String, String>,
    returns: Option<String>,
}

/// Which side's words are held against the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is answered, and what is asked: the asking program is ours.
    Both,
    /// What is answered: stories ask what no good client would.
    Answers,
}

/// What an exchange leads to.
#[derive(Clone, Debug)]
enum Place {
    /// An entity, a complex value or a collection, as the model writes it: `Collection(message)`.
    Typed(String),
    /// An action or function with its parameters.
    Operation {
        parameters: BTreeMap<String, String>,
        returns: Option<String>,
    },
    /// Bytes, a count, or a batch.
    Raw,
    Batch,
}

/// Holds exchanges against the model as they are told, and gives what was wrong with them.
#[derive(Clone, Default)]
pub struct Judge(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    wrong: Vec<String>,
    statuses: BTreeMap<u64, usize>,
}

impl Judge {
    pub fn hear(&self, exchange: &Value, side: Side) {
        let found = problems(exchange, side);
        let mut heard = self.0.lock().unwrap();
        heard.wrong.extend(found);
        *heard.statuses.entry(exchange["status"].as_u64().unwrap_or_default()).or_default() += 1;
    }

    pub fn verdict(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().wrong)
    }

    /// How many calls were answered so.
    pub fn count(&self, status: u64) -> usize {
        self.0.lock().unwrap().statuses.get(&status).copied().unwrap_or_default()
    }
}

/// Everything in one exchange of a tape that the model does not know, one sentence each.
pub fn problems(exchange: &Value, side: Side) -> Vec<String> {
    let segments: Vec<&str> = exchange["segments"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut finder =
        Finder { model: &MODEL, at: format!("{} {}", text(&exchange["method"]), text(&exchange["path"])), found: Vec::new() };
    finder.exchange(&segments, exchange, side);
    finder.found
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Model {
    fn load() -> Self {
        let mut model: Self = serde_json::from_str(include_str!("model.json")).unwrap();
        let further: BTreeMap<String, Type> = serde_json::from_value(serde_json::json!({
            "outlookUser": { "base": "entity", "navigation": { "masterCategories": "Collection(outlookCategory)" } },
            "convertIdResult": { "properties": {
                "sourceId": "Edm.String", "targetId": "Edm.String", "errorDetails": "genericError",
            } },
            "genericError": { "properties": { "code": "Edm.String", "message": "Edm.String" } },
        }))
        .unwrap();
        model.types.extend(further);
        // Answers show this although the published model does not have it.
        let subscription = model.types.entry("subscription".into()).or_default();
        subscription.properties.insert("notificationContentType".into(), "Edm.String".into());
        model.enums.entry("exchangeIdFormat".into()).or_insert_with(|| {
            ["entryId", "ewsId", "immutableEntryId", "restId", "restImmutableEntryId"].map(str::to_owned).into()
        });
        model
    }

    /// The type and those it derives from.
    fn line(&self, name: &str) -> Vec<&Type> {
        let mut line = Vec::new();
        let mut next = self.types.get(name);
        while let Some(found) = next {
            line.push(found);
            next = found.base.as_ref().and_then(|base| self.types.get(base));
        }
        line
    }

    fn names(&self, name: &str) -> Vec<String> {
        let mut names = vec![name.to_owned()];
        while let Some(base) = self.types.get(&names[names.len() - 1]).and_then(|found| found.base.clone()) {
            names.push(base);
        }
        names
    }

    /// The declared type of a property or of a navigation.
    fn member(&self, of: &str, name: &str, caseless: bool) -> Option<(String, String)> {
        let is = |own: &str| if caseless { own.eq_ignore_ascii_case(name) } else { own == name };
        let members = self.line(of).into_iter().flat_map(|found| found.properties.iter().chain(&found.navigation));
        members.into_iter().find(|(own, _)| is(own)).map(|(own, declared)| (own.clone(), declared.clone()))
    }

    fn operation(&self, on: &str, name: &str) -> Option<&Operation> {
        let inner = element(on);
        let hosts: Vec<String> = self
            .names(inner.unwrap_or(on))
            .into_iter()
            .map(|host| if inner.is_some() { format!("Collection({host})") } else { host })
            .collect();
        self.operations.iter().find(|own| own.name.eq_ignore_ascii_case(name) && hosts.contains(&own.on))
    }

    /// Where the segments behind `/v1.0` lead.
    fn place(&self, segments: &[&str]) -> Result<Place, String> {
        let (mut at, rest) = match segments {
            [root, rest @ ..] if root.eq_ignore_ascii_case("users") => ("Collection(user)".to_owned(), rest),
            [root, rest @ ..] if root.eq_ignore_ascii_case("me") => ("user".to_owned(), rest),
            [root, rest @ ..] if root.eq_ignore_ascii_case("subscriptions") => ("Collection(subscription)".to_owned(), rest),
            ["$batch"] => return Ok(Place::Batch),
            _ => return Err("the model has nothing there".to_owned()),
        };
        for (n, segment) in rest.iter().enumerate() {
            let segment = unqualified(segment);
            if segment.starts_with('$') {
                return Ok(Place::Raw);
            }
            if let Some(operation) = self.operation(&at, segment) {
                let is_last = n + 1 == rest.len();
                if !is_last {
                    return Err(format!("something follows {}", operation.name));
                }
                let (parameters, returns) = (operation.parameters.clone(), operation.returns.clone());
                return Ok(Place::Operation { parameters, returns });
            }
            at = match element(&at) {
                Some(element) => element.to_owned(),
                None => self.member(&at, segment, true).map(|(_, declared)| declared).ok_or(format!("{at} has no {segment}"))?,
            };
        }
        Ok(Place::Typed(bare(&at).to_owned()))
    }
}

/// Actions and functions may be called by their whole name.
fn unqualified(segment: &str) -> &str {
    let prefix = "microsoft.graph.";
    if segment.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
        &segment[prefix.len()..]
    } else {
        segment
    }
}

/// `T` of `Collection(T)`.
fn element(declared: &str) -> Option<&str> {
    bare(declared).strip_prefix("Collection(")?.strip_suffix(')')
}

/// Without the mark for "not null".
fn bare(declared: &str) -> &str {
    declared.trim_end_matches('!').trim_end()
}

struct Finder<'a> {
    model: &'a Model,
    at: String,
    found: Vec<String>,
}

/// Annotations belong to OData, and `id` of a batch to itself.
fn is_annotation(name: &str) -> bool {
    name.contains('@')
}

impl Finder<'_> {
    fn say(&mut self, what: &str) {
        self.found.push(format!("{}: {what}", self.at));
    }

    fn exchange(&mut self, segments: &[&str], exchange: &Value, side: Side) {
        let Some(status) = exchange["status"].as_u64() else { return };
        let (request, answer) = (&exchange["request"], &exchange["answer"]);
        if status >= 400 {
            if !matches!(self.model.place(&segments[1.min(segments.len())..]), Ok(Place::Batch)) || answer.get("error").is_some()
            {
                self.error(answer);
            }
            return;
        }
        let place = match self.model.place(segments.get(1..).unwrap_or_default()) {
            Ok(place) => place,
            Err(why) => return self.say(&format!("answered {status}, but {why}")),
        };
        if side == Side::Both {
            self.request(&place, exchange, request);
        }
        self.answer(&place, exchange, status, answer, side);
    }

    fn error(&mut self, answer: &Value) {
        // A gateway that fails before Graph answers in its own way.
        if text(&answer["type"]) == "text/html" {
            return;
        }
        let error = &answer["error"];
        let inner = error.get("innerError").or(error.get("innererror"));
        let inner_is_object = inner.is_some_and(Value::is_object);
        if !error["code"].is_string() || !error["message"].is_string() || !inner_is_object {
            self.say(&format!("a refusal that is no Graph error: {answer}"));
        }
    }

    fn request(&mut self, place: &Place, exchange: &Value, request: &Value) {
        if request.is_null() || request.get("bytes").is_some_and(Value::is_u64) {
            return;
        }
        let method = text(&exchange["method"]).to_uppercase();
        match place {
            Place::Typed(declared) if ["POST", "PATCH", "PUT"].contains(&method.as_str()) => {
                self.value(element(declared).unwrap_or(declared), request, "request", Strictness::Asked);
            }
            Place::Typed(_) | Place::Raw => self.say(&format!("a {method} with a JSON body")),
            Place::Operation { parameters, .. } => {
                for (name, value) in request.as_object().into_iter().flatten().filter(|(name, _)| !is_annotation(name)) {
                    match parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
                        Some((_, declared)) => self.value(declared, value, &format!("request.{name}"), Strictness::Asked),
                        None => self.say(&format!("request.{name} is no parameter")),
                    }
                }
            }
            Place::Batch => {}
        }
    }

    fn answer(&mut self, place: &Place, exchange: &Value, status: u64, answer: &Value, side: Side) {
        // A scripted fault can cut an answer in two.
        let is_raw = answer.get("bytes").is_some_and(Value::is_u64);
        match place {
            _ if is_raw => {}
            Place::Typed(declared) if answer.is_object() => {
                let is_created = element(declared).is_some() && text(&exchange["method"]).eq_ignore_ascii_case("POST");
                self.body(if is_created { element(declared).unwrap_or_default() } else { declared }, answer);
            }
            Place::Operation { returns: Some(declared), .. } => self.body(declared, answer),
            Place::Operation { returns: None, .. } if !answer.is_null() => {
                self.say(&format!("{status} with {answer}, but it returns nothing"));
            }
            Place::Batch => self.batch(exchange, answer, side),
            _ => {}
        }
    }

    /// A whole answer: one value, or a page of them.
    fn body(&mut self, declared: &str, answer: &Value) {
        let Some(element) = element(declared) else {
            // A property that is read alone comes as `value`, unless it is an object.
            let is_alone = bare(declared).starts_with("Edm.") || self.model.enums.contains_key(bare(declared));
            let told = if is_alone { &answer["value"] } else { answer };
            return self.value(declared, told, "answer", Strictness::Answered);
        };
        let Some(page) = answer.as_object() else { return self.say(&format!("no page of {element}: {answer}")) };
        for name in page.keys().filter(|name| *name != "value" && !name.starts_with("@odata.")) {
            self.say(&format!("answer.{name} is nothing of a page"));
        }
        let Some(rows) = page.get("value").and_then(Value::as_array) else { return self.say("a page without `value`") };
        for (n, row) in rows.iter().enumerate() {
            self.value(element, row, &format!("answer.value[{n}]"), Strictness::Answered);
        }
    }

    fn batch(&mut self, exchange: &Value, answer: &Value, side: Side) {
        let asked: Vec<&Value> = exchange["request"]["requests"].as_array().into_iter().flatten().collect();
        for reply in answer["responses"].as_array().into_iter().flatten() {
            let Some(one) = asked.iter().find(|one| one["id"] == reply["id"]) else {
                self.say(&format!("an answer to nothing: {}", reply["id"]));
                continue;
            };
            let url = text(&one["url"]);
            let path = url.split('?').next().unwrap_or_default();
            let path = path.split_once("/v1.0/").map_or(path, |(_, path)| path).trim_start_matches('/');
            let segments: Vec<&str> = std::iter::once("v1.0").chain(path.split('/').filter(|part| !part.is_empty())).collect();
            let inner = serde_json::json!({
                "method": one["method"], "path": path, "segments": segments, "status": reply["status"],
                "request": one["body"], "answer": reply["body"],
            });
            self.found.extend(problems(&inner, side));
        }
    }

    fn value(&mut self, declared: &str, value: &Value, path: &str, strictness: Strictness) {
        if value.is_null() {
            if declared.ends_with('!') {
                self.say(&format!("{path} is null, but {declared} never is"));
            }
            return;
        }
        let declared = bare(declared);
        if let Some(element) = element(declared) {
            let Some(items) = value.as_array() else { return self.say(&format!("{path} is no array: {value}")) };
            for (n, item) in items.iter().enumerate() {
                self.value(element, item, &format!("{path}[{n}]"), strictness);
            }
            return;
        }
        if let Some(kind) = declared.strip_prefix("Edm.") {
            if !is_primitive(kind, value) {
                self.say(&format!("{path} is no {declared}: {value}"));
            }
        } else if let Some(members) = self.model.enums.get(declared) {
            let is = |member: &String| match strictness {
                Strictness::Answered => member == text(value),
                Strictness::Asked => member.eq_ignore_ascii_case(text(value)),
            };
            if !members.iter().any(is) {
                self.say(&format!("{path} is no {declared}: {value}"));
            }
        } else if let Some(object) = value.as_object() {
            self.object(declared, object, path, strictness);
        } else {
            self.say(&format!("{path} is no {declared}: {value}"));
        }
    }

    fn object(&mut self, declared: &str, object: &Map<String, Value>, path: &str, strictness: Strictness) {
        let named = object.get("@odata.type").map(|name| text(name).trim_start_matches("#microsoft.graph."));
        let own = named.filter(|name| self.model.names(name).iter().any(|base| base == declared)).unwrap_or(declared);
        if let Some(named) = named
            && own != named
        {
            self.say(&format!("{path} says it is a {named}, which is no {declared}"));
        }
        let line = self.model.line(own);
        if line.is_empty() {
            return self.say(&format!("{path}: the model has no type {own}"));
        }
        for (name, value) in object.iter().filter(|(name, _)| !is_annotation(name)) {
            match self.model.member(own, name, false) {
                Some((_, declared)) => self.value(&declared, value, &format!("{path}.{name}"), strictness),
                None => self.say(&format!("{path}.{name} is no property of {own}")),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Asked,
    Answered,
}

fn is_primitive(kind: &str, value: &Value) -> bool {
    match kind {
        "Boolean" => value.is_boolean(),
        "Int16" | "Int32" | "Int64" => value.is_i64() || value.is_u64(),
        "Double" | "Single" | "Decimal" => value.is_number(),
        "DateTimeOffset" => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        "Binary" => value.as_str().is_some_and(|text| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.decode(text).is_ok()
        }),
        _ => value.is_string(),
    }
}
