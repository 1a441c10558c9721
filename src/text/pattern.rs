//! Regular expressions as analysts write them, compiled once and kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};

/// Matches that [`find_all`] gives at most.
pub const FIND_ALL_MAX: usize = 2_000;

/// Bytes that one compiled expression may take: `\w{1,64}` needs more than one MiB, as `\w` means every script's letters.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// Compiled expressions in one generation of the cache; at most two generations are kept.
const GENERATION_MAX: usize = 500;

/// Why a regular expression cannot be used, in plain words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad regular expression `{pattern}`: {reason}{}", .hint.map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct PatternError {
    /// The expression, shortened to 80 characters.
    pub pattern: String,
    /// What is wrong, with the column where it is known.
    pub reason: String,
    /// What to write instead.
    pub hint: Option<&'static str>,
}

/// More than [`FIND_ALL_MAX`] matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the expression matches more than {FIND_ALL_MAX} times; make it say more of what stands around the value")]
pub struct TooManyMatches;

#[derive(Default)]
struct Cache {
    fresh: HashMap<String, Arc<Regex>>,
    old: HashMap<String, Arc<Regex>>,
}

impl Cache {
    fn get(&mut self, expression: &str) -> Option<Arc<Regex>> {
        if let Some(regex) = self.fresh.get(expression) {
            return Some(Arc::clone(regex));
        }
        let regex = self.old.remove(expression)?;
        self.put(expression, &regex);
        Some(regex)
    }

    fn put(&mut self, expression: &str, regex: &Arc<Regex>) {
        if self.fresh.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.fresh);
        }
        self.fresh.insert(expression.to_owned(), Arc::clone(regex));
    }
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// The compiled expression, from a process-wide cache of the last 500 to 1,000; matching takes time linear in the text.
///
/// # Errors
/// An expression that does not compile or takes more than 4 MiB compiled.
pub fn pattern(expression: &str) -> Result<Arc<Regex>, PatternError> {
    let cached = CACHE.lock().unwrap_or_else(PoisonError::into_inner).get(expression);
    if let Some(regex) = cached {
        return Ok(regex);
    }
    // Compiled outside the lock: another thread may compile the same one meanwhile, which only costs time.
    let regex = RegexBuilder::new(expression)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map(Arc::new)
        .map_err(|error| explain(expression, &error))?;
    CACHE.lock().unwrap_or_else(PoisonError::into_inner).put(expression, &regex);
    Ok(regex)
}

fn explain(expression: &str, error: &regex::Error) -> PatternError {
    let (reason, hint) = match error {
        regex::Error::CompiledTooBig(_) => {
            ("it grows too large when compiled".to_owned(), Some("use smaller repetitions, or `[a-z0-9]` where `\\w` was"))
        }
        other => {
            let whole = other.to_string();
            let reason = whole.rsplit("error: ").next().unwrap_or(&whole).trim().to_owned();
            // The crate marks the place by a caret under the expression, indented by four.
            let column =
                whole.lines().find_map(|line| line.trim_end().strip_suffix('^')).filter(|before| before.trim().is_empty());
            let hint = hint(&reason);
            (
                column.map_or_else(|| reason.clone(), |before| format!("{reason} at column {}", before.len().saturating_sub(3))),
                hint,
            )
        }
    };
    PatternError { pattern: expression.chars().take(80).collect(), reason, hint }
}

fn hint(reason: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 7] = [
        ("look-around", "put brackets around the part you want: `find` gives the first group"),
        ("backreferences", "an expression cannot refer back to its own groups"),
        ("unclosed group", "a bracket meant as itself is written `\\(`"),
        ("unopened group", "a bracket meant as itself is written `\\)`"),
        ("unclosed character class", "a square bracket meant as itself is written `\\[`"),
        ("repetition operator missing", "`*` after nothing is a wildcard of `like`; here write `.*`"),
        ("unrecognized escape", "only a sign with a meaning of its own needs a backslash before it"),
    ];
    HINTS.iter().find(|(part, _)| reason.contains(part)).map(|(_, hint)| *hint)
}

/// The first match: its first group that took part, else, in an expression without groups, the whole of it.
/// `None` when nothing matches or none of the groups took part.
pub fn find<'t>(text: &'t str, regex: &Regex) -> Option<&'t str> {
    if regex.captures_len() == 1 {
        return regex.find(text).map(|found| found.as_str());
    }
    let captures = regex.captures(text)?;
    captures.iter().skip(1).flatten().next().map(|group| group.as_str())
}

/// Every match from left to right, each as [`find`] gives it.
///
/// # Errors
/// More than [`FIND_ALL_MAX`] matches.
pub fn find_all<'t>(text: &'t str, regex: &Regex) -> Result<Vec<&'t str>, TooManyMatches> {
    let mut found = Vec::new();
    for captures in regex.captures_iter(text) {
        if found.len() == FIND_ALL_MAX {
            return Err(TooManyMatches);
        }
        let part = if captures.len() == 1 { captures.get(0) } else { captures.iter().skip(1).flatten().next() };
        found.extend(part.map(|part| part.as_str()));
    }
    Ok(found)
}

/// The named groups of the first match; a group that took no part is `None`. `None` when nothing matches.
pub fn groups(text: &str, regex: &Regex) -> Option<BTreeMap<String, Option<String>>> {
    let captures = regex.captures(text)?;
    let value = |name: &str| captures.name(name).map(|group| group.as_str().to_owned());
    Some(regex.capture_names().flatten().map(|name| (name.to_owned(), value(name))).collect())
}

/// Whether the expression matches anywhere in the text.
pub fn matches(text: &str, regex: &Regex) -> bool {
    regex.is_match(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn find_gives_the_first_group_else_the_whole_match() {
        let found = |expression: &str, text| find(text, &pattern(expression).unwrap()).map(ToOwned::to_owned);
        assert_eq!(found(r"Invoice\s+No\.?\s*(\S+)", "Invoice No. 4711 of"), Some("4711".to_owned()));
        assert_eq!(found(r"\d+", "No. 4711"), Some("4711".to_owned()));
        assert_eq!(found(r"a(x)|b(y)", "by"), Some("y".to_owned()));
        assert_eq!(found(r"\d+", "none"), None);
    }

    #[test]
    fn find_all_gives_every_match_and_refuses_a_flood() {
        let digits = pattern(r"#(\d)").unwrap();
        assert_eq!(find_all("#1 #2 3", &digits), Ok(vec!["1", "2"]));
        assert_eq!(find_all(&"#1".repeat(FIND_ALL_MAX), &digits).map(|all| all.len()), Ok(FIND_ALL_MAX));
        assert_eq!(find_all(&"#1".repeat(FIND_ALL_MAX + 1), &digits), Err(TooManyMatches));
    }

    #[test]
    fn groups_are_a_map_by_name() {
        let regex = pattern(r"(?P<a>\d)(?P<b>x)?").unwrap();
        let expected = BTreeMap::from([("a".to_owned(), Some("7".to_owned())), ("b".to_owned(), None)]);
        assert_eq!(groups("7", &regex), Some(expected));
        assert_eq!(groups("-", &regex), None);
    }

    #[test]
    fn a_bad_expression_is_explained_with_its_place_and_a_hint() {
        let told = |expression: &str| pattern(expression).unwrap_err().to_string();
        assert_eq!(
            told("ab(c"),
            "bad regular expression `ab(c`: unclosed group at column 3 (a bracket meant as itself is written `\\(`)"
        );
        assert_eq!(
            told("*.pdf"),
            "bad regular expression `*.pdf`: repetition operator missing expression at column 1 \
             (`*` after nothing is a wildcard of `like`; here write `.*`)"
        );
        assert!(
            told("(?=a)").ends_with("(put brackets around the part you want: `find` gives the first group)"),
            "{}",
            told("(?=a)")
        );
        for huge in [r"\w{1000}{1000}", "((a{100}){100}){100}"] {
            assert!(told(huge).contains("too large"), "{huge}");
        }
    }

    #[test]
    fn expressions_that_explode_elsewhere_end_on_a_long_text() {
        let text = format!("{}b", "a".repeat(1_000_000));
        for expression in ["^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", r"^(\w+\s?)*$-", "(.*a){20}$"] {
            assert_eq!(find(&text, &pattern(expression).unwrap()), None, "{expression}");
        }
        assert_eq!(find(&text, &pattern("^(a+)+b$").unwrap()).map(str::len), Some(1_000_000));
    }

    #[test]
    fn the_cache_keeps_at_most_two_generations() {
        let mut cache = Cache::default();
        let regex = pattern("x").unwrap();
        for number in 0..3 * GENERATION_MAX {
            cache.put(&number.to_string(), &regex);
        }
        assert_eq!((cache.fresh.len(), cache.old.len()), (GENERATION_MAX, GENERATION_MAX));
        assert!(cache.get("0").is_none());
        assert!(cache.get(&(GENERATION_MAX + 1).to_string()).is_some());
    }
}
