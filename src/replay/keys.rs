//! Complaints about keys that nobody knows: a case that cannot fail is worse than none.

/// "`recrod` is not known in …; did you mean `record`?"
pub(super) fn unknown(key: &str, place: &str, known: &[&str]) -> String {
    let near = known.iter().map(|word| (distance(key, word), word)).min().filter(|(steps, word)| *steps <= 1 + word.len() / 3);
    let advice = match near {
        Some((_, word)) => format!("did you mean `{word}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    format!("`{key}` is not known in {place}; {advice}")
}

/// Letters inserted, left out or replaced (Levenshtein), whatever the case. Keys are short; a long one is cut.
fn distance(left: &str, right: &str) -> usize {
    let letters = |text: &str| text.chars().take(40).flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (left, right) = (letters(left), letters(right));
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut diagonal = row;
        above[0] = row + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = above[column + 1];
            above[column + 1] = replaced.min(diagonal + 1).min(above[column] + 1);
        }
    }
    above[right.len()]
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
