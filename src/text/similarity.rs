//! How alike two short texts are.

/// Characters of each text that are compared.
const COMPARED_MAX: usize = 500;

/// How alike two texts are, from 0 to 100 percent: twice the longest common subsequence by the sum of the lengths, rounded
/// down, the better of the words as they stand and the words sorted (`Fabrikam, Anna` and `Anna Fabrikam` are 100). Case,
/// punctuation and spacing do not count. The first 500 characters of each are compared (bounded, quadratic in those);
/// 100 therefore means "the same words". Two texts without a letter or digit are 0.
pub fn similar(a: &str, b: &str) -> u8 {
    let (a, b) = (words(a), words(b));
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    percent(&a, &b).max(percent(&sorted(&a), &sorted(&b)))
}

fn words(text: &str) -> Vec<String> {
    let folded: String = text.chars().take(COMPARED_MAX).flat_map(char::to_lowercase).collect();
    folded.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

fn percent(a: &[String], b: &[String]) -> u8 {
    let (a, b): (Vec<char>, Vec<char>) = (a.join(" ").chars().collect(), b.join(" ").chars().collect());
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    u8::try_from(200 * common(&a, &b) / (a.len() + b.len())).unwrap_or(100)
}

/// The length of the longest common subsequence.
fn common(a: &[char], b: &[char]) -> usize {
    let mut row = vec![0_usize; b.len() + 1];
    for from_a in a {
        let mut diagonal = 0;
        for (column, from_b) in b.iter().enumerate() {
            let above = row[column + 1];
            row[column + 1] = if from_a == from_b { diagonal + 1 } else { above.max(row[column]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn likeness_is_a_percentage() {
        let cases = [
            ("Contoso GmbH", "CONTOSO  GmbH.", 100),
            ("Fabrikam, Anna", "Anna Fabrikam", 100),
            ("Contoso GmbH", "Contoso Gmbh & Co. KG", 80),
            ("abc", "xyz", 0),
            ("", "", 0),
            ("Müller", "Muller", 83),
        ];
        for (a, b, expected) in cases {
            assert_eq!(similar(a, b), expected, "{a} and {b}");
            assert_eq!(similar(b, a), expected, "{b} and {a}");
        }
        assert_eq!(similar(&"a".repeat(1_000_000), &"a".repeat(900_000)), 100);
    }
}
