//! How words are registered: facts with and without `()`, everything with an absent receiver too.

use std::any::TypeId;

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext, Variant};

use crate::mail::NeedsContent;
use crate::plan::Question;
use crate::rules::stop::{Word, ask, fault};
use crate::rules::values::kind_of;
use crate::rules::{allocator, codes, watch};

/// The parameters of a word after its receiver.
pub(super) struct Given<'g, 'd>(&'g [&'d mut Dynamic]);

impl Given<'_, '_> {
    /// The parameter as a text.
    pub fn text(&self, position: usize) -> ImmutableString {
        self.0.get(position).and_then(|value| value.as_immutable_string_ref().ok().map(|text| text.clone())).unwrap_or_default()
    }

    /// All parameters as texts.
    pub fn texts(&self) -> Vec<ImmutableString> {
        (0..self.0.len()).map(|position| self.text(position)).collect()
    }

    /// The parameter as it is.
    pub fn value(&self, position: usize) -> Dynamic {
        self.0.get(position).map(|value| (**value).clone()).unwrap_or_default()
    }
}

/// The type of texts, for lists of parameters.
pub(super) fn text() -> TypeId {
    TypeId::of::<ImmutableString>()
}

/// Any type, for lists of parameters.
pub(super) fn any() -> TypeId {
    TypeId::of::<Dynamic>()
}

/// A fact of a value of ours: `mail.subject` and `mail.subject()`; of `()` it is `()`.
pub(super) fn fact<T: Variant + Clone>(engine: &mut Engine, name: &str, get: fn(&NativeCallContext, &T) -> Word<Dynamic>) {
    for written in [name.to_owned(), format!("get${name}")] {
        engine.register_raw_fn(written.as_str(), [TypeId::of::<T>()], move |context, args| match args[0].read_lock::<T>() {
            Some(value) => get(&context, &value),
            None => Ok(Dynamic::UNIT),
        });
        engine.register_raw_fn(written.as_str(), [TypeId::of::<()>()], |_, _| Ok(Dynamic::UNIT));
    }
}

/// A word said of a value of ours, with parameters; of `()` it gives `absent`.
pub(super) fn word<T: Variant + Clone>(
    engine: &mut Engine,
    name: &str,
    parameters: &[TypeId],
    absent: &'static Absent,
    run: fn(&NativeCallContext, &T, &Given) -> Word<Dynamic>,
) {
    let types = |receiver: TypeId| [&[receiver], parameters].concat();
    engine.register_raw_fn(name, types(TypeId::of::<T>()), move |context, args| {
        let Some((receiver, rest)) = args.split_first() else { return Ok(Dynamic::UNIT) };
        match receiver.read_lock::<T>() {
            Some(value) => run(&context, &value, &Given(rest)),
            None => Ok(Dynamic::UNIT),
        }
    });
    engine.register_raw_fn(name, types(TypeId::of::<()>()), move |_, _| Ok(absent.value()));
}

/// A word said of a text; what it reads counts as operations.
pub(super) fn of_text(
    engine: &mut Engine,
    name: &str,
    parameters: &[TypeId],
    absent: &'static Absent,
    run: fn(&NativeCallContext, &str, &Given) -> Word<Dynamic>,
) {
    let types = |receiver: TypeId| [&[receiver], parameters].concat();
    engine.register_raw_fn(name, types(text()), move |context, args| {
        let Some((receiver, rest)) = args.split_first() else { return Ok(Dynamic::UNIT) };
        let text = match receiver.as_immutable_string_ref() {
            Ok(text) => text.clone(),
            Err(_) => return Ok(Dynamic::UNIT),
        };
        watch::charge(text.len());
        run(&context, &text, &Given(rest))
    });
    engine.register_raw_fn(name, types(TypeId::of::<()>()), move |_, _| Ok(absent.value()));
}

/// A word that stands alone.
pub(super) fn alone(
    engine: &mut Engine,
    name: &str,
    parameters: &[TypeId],
    run: fn(&NativeCallContext, &Given) -> Word<Dynamic>,
) {
    engine.register_raw_fn(name, parameters, move |context, args| run(&context, &Given(args)));
}

/// What a word gives of `()`.
pub(super) enum Absent {
    /// `()`: what reads a value.
    Nothing,
    /// `false`: what asks a question; what is absent does not match.
    False,
}

impl Absent {
    fn value(&self) -> Dynamic {
        match self {
            Self::Nothing => Dynamic::UNIT,
            Self::False => Dynamic::FALSE,
        }
    }
}

/// The answer of the mail module, or the question for the content. What is worked out of the content and kept with it is not
/// the script's memory.
pub(super) fn needs<T>(context: &NativeCallContext, read: impl FnOnce() -> Result<T, NeedsContent>) -> Word<T> {
    match allocator::uncounted(read) {
        Ok(value) => Ok(value),
        Err(NeedsContent) => ask(context, Question::Content),
    }
}

/// A text or a list of texts.
pub(super) fn texts(context: &NativeCallContext, value: &Dynamic) -> Word<Vec<ImmutableString>> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(vec![text.clone()]);
    }
    let Ok(list) = value.as_array_ref() else {
        let message = format!("`{}` takes a text or a list of texts, not {}", context.fn_name(), kind_of(value));
        return fault(context, codes::VALUE, message, "");
    };
    let mut texts = Vec::with_capacity(list.len());
    for item in list.iter() {
        let Ok(text) = item.as_immutable_string_ref() else {
            let message = format!("`{}` takes a list of texts; {} is in it", context.fn_name(), kind_of(item));
            return fault(context, codes::VALUE, message, "");
        };
        texts.push(text.clone());
    }
    Ok(texts)
}
