//! Complaints about keys that nobody knows: a case that cannot fail is worse than none.

use crate::text::did_you_mean;

/// "`recrod` is not known in …; did you mean `record`?"
pub(super) fn unknown(key: &str, place: &str, known: &[&str]) -> String {
    let advice = did_you_mean(key, known.iter().copied()).unwrap_or_else(|| format!("there are: {}", known.join(", ")));
    format!("`{key}` is not known in {place}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_answered_with_the_nearest_key_and_a_stranger_with_all() {
        let known = ["record", "rule", "withheld"];
        assert_eq!(unknown("recrod", "`post`", &known), "`recrod` is not known in `post`; did you mean `record`?");
        assert_eq!(unknown("colour", "`post`", &known), "`colour` is not known in `post`; there are: record, rule, withheld");
    }
}
