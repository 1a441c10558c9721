//! The nearest known word to a misspelt one.

/// Characters of a word that are compared; longer ones have no near neighbour.
const WORD_CHARS_MAX: usize = 60;

/// The known word that differs least from `word`, when the difference is small.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = word.chars().count();
    if length > WORD_CHARS_MAX {
        return None;
    }
    let allowed = match length {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(steps, candidate)| *steps <= allowed && *steps < candidate.chars().count())
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// ", did you mean …" as a hint.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}

/// Letters inserted, left out, replaced or swapped with the next (optimal string alignment), whatever the case.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.to_lowercase().chars().collect(), right.to_lowercase().chars().collect());
    let mut before = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1; right.len() + 1];
        for (column, to) in right.iter().enumerate() {
            let changed = above[column] + usize::from(from != to);
            current[column + 1] = changed.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *from == right[column - 1] && left[row - 1] == *to {
                current[column + 1] = current[column + 1].min(before[column - 1] + 1);
            }
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
        let known = ["attachment", "attachments", "subject", "reply"];
        assert_eq!(nearest("atachment", known), Some("attachment"));
        assert_eq!(nearest("sujbect", known), Some("subject"));
        assert_eq!(nearest("Reply", known), Some("reply"));
        assert_eq!(nearest("zebra_crossing", known), None);
        assert_eq!(nearest("Pol", ["address", "folders", "poll", "rules"]), Some("poll"));
    }
}
