//! `postroom docs`: the reference of the rules' words and codes, made from what the program itself knows of them.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Exit, say, tell};
use crate::rules::{Word, codes, words};

mod html;

/// Which form, and where to.
#[derive(Debug, clap::Args)]
pub struct DocsArgs {
    /// One HTML page instead of Markdown.
    #[arg(long, conflicts_with = "definitions")]
    html: bool,
    /// Write definitions of the words for editors that know Rhai into this folder.
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
}

/// The families in the order in which a reader meets them, with their headings and what to know first.
const FAMILIES: [(&str, &str, &str); 14] = [
    (
        "envelope",
        "The envelope",
        "What stands on the mail. A rule that only looks at this costs no further call to Microsoft 365.",
    ),
    (
        "kind",
        "What kind of mail it is",
        "An x is an address, a domain such as `fabrikam.com`, a pattern such as `*@*.fabrikam.com`, or a list of them; case never matters.",
    ),
    ("authenticity", "Who it is really from", "The From line can be forged; these words know what the receiving server found."),
    ("content", "What stands in it", "Texts and tables of the mail itself."),
    ("attachment", "Attachments", "Files that came with it."),
    (
        "text",
        "Reading values out of texts",
        "Asked of `()`, each of these gives `()` (or false), so that one `require` at the end says what was missing.",
    ),
    (
        "finders",
        "Finding what a text names",
        "Each gives all that a text names of a kind, checked by its check digits where it has any.",
    ),
    (
        "invoice",
        "Electronic invoices",
        "What a UBL, CII, ZUGFeRD, Factur-X or FatturaPA invoice says, be it a file or within a PDF.",
    ),
    ("calendar", "Invitations and cards", "Events of calendars, and people of address cards."),
    ("report", "Reports about mail", "What other mail systems report: DMARC, TLS, complaints."),
    ("dates", "Days and times", "Days and times are those of the mailbox's time zone, and now is when the message is decided."),
    (
        "actions",
        "Actions",
        "Nothing happens while a rule runs: actions are written down and carried out in order, once all rules have run.",
    ),
    ("questions", "Questions", "Looking things up: in tables, in the mailbox's memory, at endpoints that are `read_only`."),
    ("flow", "What becomes of the mail", "Words that end a rule, or say something about it."),
];

const INTRODUCTION: &str = "A rule is a file such as `rules/invoices/10-supplier-invoices.rhai`. Its `fn when(mail)` says which mail it is for, its \
                            `fn then(mail)` what shall be done. What is not there is `()`; `x ?? y` gives y when x is not there.";

pub(super) fn run(args: &DocsArgs) -> anyhow::Result<Exit> {
    if let Some(dir) = &args.definitions {
        let path = write_definitions(dir).with_context(|| format!("{} cannot be written", dir.display()))?;
        tell(&format!("Wrote {}. Editors that know Rhai read it for completion.", path.display()));
        return Ok(Exit::Done);
    }
    say(if args.html { html::page() } else { markdown() }.trim_end());
    Ok(Exit::Done)
}

/// The words of a family, each once, in the order of the vocabulary.
fn of_family(family: &str) -> Vec<&'static Word> {
    words().filter(|word| word.family == family).collect()
}

fn markdown() -> String {
    let mut text = format!("# The words of rules\n\n{INTRODUCTION}\n");
    for (family, heading, first) in FAMILIES {
        let _ = write!(text, "\n## {heading}\n\n{first}\n\n| word | gives | |\n|---|---|---|\n");
        for word in of_family(family) {
            let _ = writeln!(text, "| `{}` | {} | {} |", word.written(), gives(word), cell(word.summary));
        }
        text.push_str("\n```rhai\n");
        for word in of_family(family) {
            let _ = writeln!(text, "{}", word.example);
        }
        text.push_str("```\n");
    }
    text.push_str("\n# The codes of problems\n");
    for page in codes::pages() {
        let _ = write!(text, "\n## {page}\n");
    }
    text
}

/// What a word gives, in words.
fn gives(word: &Word) -> String {
    let kind =
        word.gives().map_or(String::new(), |kind| if kind == "bool" { "true or false".to_owned() } else { kind.to_owned() });
    if word.may_be_absent() { format!("{kind} or `()`") } else { kind }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn write_definitions(dir: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let path = dir.join("postroom.d.rhai");
    std::fs::write(&path, definitions())?;
    Ok(path)
}

/// The words in the form of Rhai's definition files.
fn definitions() -> String {
    let mut text = "module static;\n".to_owned();
    for word in words() {
        let _ = write!(text, "\n/// {}\n///\n/// ```rhai\n/// {}\n/// ```\n", word.summary, word.example);
        for definition in definitions_of(word) {
            let _ = writeln!(text, "{definition}");
        }
    }
    text
}

/// A fact is written as a property and as a function; a word with `…` with one parameter and with a list.
fn definitions_of(word: &Word) -> Vec<String> {
    let gives = kind(word.gives().unwrap_or("()"));
    let receiver = word.receiver().map(|receiver| format!("{}: {}", receiver.replace(' ', "_"), kind(receiver)));
    let inside = word.written().split_once('(').map(|(_, inside)| inside.trim_end_matches(')'));
    let parameters: Vec<String> = inside
        .unwrap_or_default()
        .split(", ")
        .filter(|name| !name.is_empty())
        .map(|name| format!("{}: ?", name.trim_end_matches('…')))
        .collect();
    let all: Vec<String> = receiver.iter().cloned().chain(parameters).collect();
    let mut found = Vec::new();
    if inside.is_none()
        && let Some(receiver) = &receiver
    {
        found.push(format!("fn get {}({receiver}) -> {gives};", word.name));
    }
    found.push(format!("fn {}({}) -> {gives};", word.name, all.join(", ")));
    found
}

/// A kind as definition files name types.
fn kind(kind: &str) -> String {
    match kind {
        "text" => "String".to_owned(),
        "number" => "Decimal".to_owned(),
        "list" => "Array".to_owned(),
        "map" => "Map".to_owned(),
        "value" => "?".to_owned(),
        other => other.replace(' ', "_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_family_and_stands_in_the_reference() {
        let text = markdown();
        for word in words() {
            assert!(FAMILIES.iter().any(|(family, ..)| *family == word.family), "{} {}", word.name, word.family);
            assert!(text.contains(&format!("| `{}` |", word.written())), "{}", word.name);
        }
        assert!(
            text.contains("| `text.find(regex)` | text or `()` | The first group of the first match, else the whole match |")
        );
        assert!(text.contains("\n## R112 not a word of `mail` or what comes from it\n"));
    }

    #[test]
    fn editors_get_facts_as_properties_and_words_with_their_parameters() {
        let text = definitions();
        assert!(text.starts_with("module static;\n\n/// The subject\n///\n/// ```rhai\n/// note(mail.subject);\n/// ```\nfn get subject(mail: mail) -> String;\n"));
        assert!(text.contains("fn post(endpoint: ?, record: ?) -> receipt;\n"));
        assert!(text.contains("fn value_after(text: String, labels: ?) -> String;\n"));
    }

    #[test]
    fn the_page_has_every_code_and_no_markup_of_an_example_gets_out() {
        let page = html::page();
        for (code, _) in codes::ALL {
            assert!(page.contains(&format!("id=\"{code}\"")), "{code}");
        }
        assert!(page.contains("&lt;p&gt;Dear {{ name }},&lt;/p&gt;"));
        assert!(!page.contains("<p>Dear"));
    }
}
