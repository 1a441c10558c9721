//! What is read of the mail and the files that people send, measured on corpora of real ones.
//!
//! ```text
//! cargo bench --bench extraction                                  everything
//! cargo bench --bench extraction -- pdf spreadsheets              these families
//! ```
//!
//! The corpora lie in `../shared/corpora`, seen from the project's folder, or where `POSTROOM_CORPORA` says; what is not there is
//! left out with a word. Prints one table: what, what shall be reached, what was measured.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, dead_code, missing_docs)]

mod bodies;
mod business;
mod corpora;
mod office;
mod pdf;
mod robust;

use corpora::Corpora;

/// A family: its name, and what measures it.
type Family = (&'static str, fn(&Corpora) -> Vec<Line>);

/// One file a family; each gives its lines of the table.
const FAMILIES: &[Family] = &[
    ("bodies", bodies::measure),
    ("times", bodies::times),
    ("pdf", pdf::measure),
    ("spreadsheets", office::spreadsheets),
    ("word", office::word),
    ("invoices", business::invoices),
    ("outlook", business::outlook),
    ("calendars", business::calendars),
    ("reports", business::reports),
    ("robust", robust::measure),
];

/// One line of the table.
pub struct Line {
    what: String,
    reach: String,
    measured: String,
}

impl Line {
    /// What was measured, what shall be reached, what came out.
    pub fn new(what: &str, reach: &str, measured: impl Into<String>) -> Self {
        Self { what: what.to_owned(), reach: reach.to_owned(), measured: measured.into() }
    }

    /// So many of so many.
    pub fn share(what: &str, reach: &str, found: usize, of: usize) -> Self {
        Self::new(what, reach, format!("{found} of {of} ({:.1} %)", 100.0 * found as f64 / of.max(1) as f64))
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let unknown = wanted.iter().find(|name| !FAMILIES.iter().any(|(family, _)| family == name));
    if let Some(unknown) = unknown {
        let known: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
        println!("there is no family `{unknown}`; there are: {}", known.join(", "));
        return;
    }
    let Some(corpora) = Corpora::find() else {
        println!("no corpora in ../shared/corpora and no POSTROOM_CORPORA: nothing is measured");
        return;
    };
    let mut lines = Vec::new();
    for (name, measure) in FAMILIES {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            lines.extend(measure(&corpora));
        }
    }
    println!("| what | reach | measured |\n|---|---|---|");
    for Line { what, reach, measured } in lines {
        println!("| {what} | {reach} | {measured} |");
    }
}
