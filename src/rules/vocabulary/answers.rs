//! Posting records, and standing for what the receiver will answer.

use std::any::TypeId;

use rhai::{Array, Dynamic, Engine, NativeCallContext};
use serde_json::Value;

use super::Word as Entry;
use super::register::{Absent, alone, any, text, word};
use crate::ids::EndpointName;
use crate::plan::{Action, Receipt};
use crate::rules::json::{Answers, to_json};
use crate::rules::limits::RECORDS_MAX;
use crate::rules::run::{Run, current};
use crate::rules::stop::{Word, fault};
use crate::rules::values::{Ahead, PostReceipt, kind_of};
use crate::rules::{codes, watch};
use crate::text::did_you_mean;

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "post",
        "actions",
        "post(endpoint, record) -> receipt",
        "Sends a record to an endpoint",
        "post(\"erp\", #{ number: 7, due: optional(()) });",
    ]),
    Entry::new([
        "post_each",
        "actions",
        "post_each(endpoint, records)",
        "Sends records one after another, as one action",
        "post_each(\"erp\", [#{ n: 1 }, #{ n: 2 }]);",
    ]),
    Entry::new([
        "result",
        "actions",
        "receipt.result(field) -> result to come",
        "Stands for a field of what the receiver will answer",
        "let r = post(\"erp\", #{ n: 1 }); post(\"erp\", #{ id: r.result(\"id\") });",
    ]),
];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<PostReceipt>("receipt").register_type_with_name::<Ahead>("result to come");
    alone(engine, "post", &[text(), any()], |context, given| {
        let run = current(context)?;
        let endpoint = endpoint(context, &run, &given.text(0))?;
        let record = record(context, &given.value(1), "the record")?;
        let action = run.plan(Action::Post { endpoint: endpoint.clone(), record }, None);
        Ok(Dynamic::from(PostReceipt { action, endpoint }))
    });
    alone(engine, "post_each", &[text(), TypeId::of::<Array>()], |context, given| {
        let run = current(context)?;
        let endpoint = endpoint(context, &run, &given.text(0))?;
        let list = given.value(1);
        let Ok(list) = list.as_array_ref() else { return Ok(Dynamic::UNIT) };
        if list.len() > RECORDS_MAX {
            return fault(context, codes::SIZE, format!("{} records; one `post_each` takes {RECORDS_MAX}", list.len()), "");
        }
        let records = list
            .iter()
            .enumerate()
            .map(|(at, item)| record(context, item, &format!("record {at}")))
            .collect::<Word<Vec<Value>>>()?;
        watch::charge(records.len() * 256);
        run.plan(Action::PostEach { endpoint, records }, None);
        Ok(Dynamic::UNIT)
    });
    word::<PostReceipt>(engine, "result", &[text()], &Absent::Nothing, |context, receipt, given| {
        let path = given.text(0).to_string();
        if path.split('.').any(str::is_empty) {
            return fault(context, codes::VALUE, format!("`{path}` is not a field"), "write it like `id` or `invoice.id`");
        }
        Ok(Dynamic::from(Ahead(Receipt { action: receipt.action, endpoint: receipt.endpoint.clone(), path })))
    });
}

fn record(context: &NativeCallContext, value: &Dynamic, name: &str) -> Word<Value> {
    if !value.is_map() && !value.is_array() && kind_of(value) != "a row" {
        let message = format!("{name} is {}; a record is written `#{{ field: value, … }}`", kind_of(value));
        return fault(context, codes::RECORD, message, "");
    }
    match to_json(value, name, Answers::MayCome) {
        Ok(record) => Ok(record),
        Err(unfit) => fault(context, unfit.code, unfit.message, unfit.hint),
    }
}

/// An endpoint of the configuration.
pub(super) fn endpoint(context: &NativeCallContext, run: &Run, name: &str) -> Word<EndpointName> {
    let endpoint = EndpointName::new(name);
    if run.known.surroundings.endpoints.contains_key(&endpoint) {
        return Ok(endpoint);
    }
    let known = run.known.surroundings.endpoints.keys().map(EndpointName::as_str);
    let hint = did_you_mean(name, known).unwrap_or_else(|| "endpoints are named in the configuration".to_owned());
    fault(context, codes::ENDPOINT, format!("there is no endpoint `{name}`"), &hint)
}
