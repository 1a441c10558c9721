//! The codes of faults, each with what it stands for. A code never changes its meaning, and a number is never given twice.
//!
//! R0…: files and grammar; R1…: names and what is written out, found by `check`; R2…: found while a rule runs; R3…: limits of a
//! run; R4…: warnings, which keep nothing from being used. Each has its page in `pages.md`.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: &str = $code;)*
        /// Every code with its meaning.
        pub const ALL: &[(&str, &str)] = &[$(($code, $meaning)),*];
    };
}

codes! {
    UNREADABLE = "R001", "a file or folder of the rule set cannot be read";
    TOO_LARGE = "R002", "a file is larger than allowed, or there are too many";
    BAD_TABLE = "R003", "a table is not readable, or a key stands in it twice";
    NO_THEN = "R004", "a rule without `then(mail)`";
    SYNTAX = "R010", "the script cannot be read";
    TOP_LEVEL = "R011", "a statement outside of `when`, `then` and functions";
    IMPORT = "R012", "an import that is not from `lib/`, or not there";
    SIEVE = "R013", "a Sieve rule";
    QUOTES = "R014", "quotes that are not straight";
    LETTERS = "R015", "a name with a letter that names cannot have";
    CONFIGURATION = "R050", "the configuration cannot be used as it is";
    UNKNOWN_FUNCTION = "R110", "a function nobody knows";
    UNKNOWN_WORD = "R112", "not a word of `mail` or what comes from it";
    PARAMETERS = "R113", "a word with the wrong number of parameters";
    ENDPOINT = "R114", "an endpoint that is not configured";
    NOT_READ_ONLY = "R115", "`ask` on an endpoint that is not `read_only`";
    FOLDER = "R116", "a folder that is not allowed or not a folder path";
    TEMPLATE = "R117", "a template that is not there";
    TEMPLATE_VARIABLE = "R118", "a template's variable that the rule does not give";
    PATTERN = "R119", "a bad regular expression";
    UNREACHABLE = "R120", "a rule that can never run";
    TABLE = "R122", "a table or column that is not there";
    TEMPLATE_PROBLEM = "R123", "a template that cannot be read";
    NOT_YET = "R124", "a word of the language that this version does not have";
    ACTION_IN_WHEN = "R125", "an action in `when`";
    THROWN = "R200", "the script gave up with `throw`";
    KINDS = "R201", "values of different kinds are compared or joined";
    ABSENT = "R202", "something absent where a value must be";
    NO_COLUMN = "R203", "a column or key that is not there";
    RECORD = "R204", "a record, request or template data that cannot be sent as it is";
    AMBIGUOUS = "R206", "a value that reads two ways";
    ANSWER_AHEAD = "R208", "the answer of a post used before there is one";
    OPTION = "R209", "an unknown or wrong option";
    VALUE = "R210", "a value a word cannot work with";
    MEMORY = "R211", "the mailbox's memory could not be read";
    RAISED = "R220", "the script failed while it ran";
    WALL_TIME = "R300", "the run took too long; it may be tried once more alone";
    OPERATIONS = "R301", "the run did too much";
    MEMORY_LIMIT = "R302", "the run holds too much memory";
    SIZE = "R303", "a text, list or map is too large";
    DEPTH = "R304", "functions or brackets are nested too deep";
    QUESTIONS = "R305", "too many questions, notes or records for one message";
    MAYBE_ABSENT = "R400", "a value that may be absent is used without a look";
    NO_FIXTURE = "R401", "a rule that no fixture reaches";
    AFTER_THE_END = "R402", "lines that never run";
    UNUSED = "R403", "a value that nobody uses";
    SWITCHED_OFF = "R404", "a rule whose `when` is never true";
    ODD_CONFIGURATION = "R450", "the configuration is odd";
}

/// The pages of explanation, one a code, in the order of the codes.
const PAGES: &str = include_str!("pages.md");

/// Whether what a code stands for keeps a rule set from being used.
pub fn is_warning(code: &str) -> bool {
    code.starts_with("R4")
}

/// The page of a code, in Markdown: what it means, an example that is wrong and one that is right. Any case.
pub fn page(code: &str) -> Option<&'static str> {
    let code = code.to_uppercase();
    pages().find(|page| page.split(' ').next() == Some(code.as_str()))
}

/// All pages, in the order of the codes.
pub fn pages() -> impl Iterator<Item = &'static str> {
    PAGES.split("\n## ").skip(1).map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_given_twice_and_each_has_its_page_under_its_meaning() {
        let headings: Vec<String> = pages().map(|page| page.lines().next().unwrap_or_default().to_owned()).collect();
        let codes: Vec<String> = ALL.iter().map(|(code, meaning)| format!("{code} {meaning}")).collect();
        assert_eq!(headings, codes);
        let mut sorted: Vec<&str> = ALL.iter().map(|(code, _)| *code).collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), ALL.len());
    }
}
