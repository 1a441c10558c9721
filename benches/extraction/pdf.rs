//! PDFs of e-invoices: what their embedded XML says, found in what is read of their pages.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::Line;
use crate::corpora::{Corpora, with_attachment};

/// Found, and looked for.
#[derive(Default)]
struct Count(usize, usize);

impl Count {
    fn add(&mut self, is_found: bool) {
        self.0 += usize::from(is_found);
        self.1 += 1;
    }

    fn line(&self, what: &str, reach: &str) -> Line {
        Line::share(what, reach, self.0, self.1)
    }
}

/// Compared with poppler's `-layout` where `pdftotext` is installed; else everything that the XML says is looked for.
pub fn measure(corpora: &Corpora) -> Vec<Line> {
    let (Some(folder), Some(truth)) = (corpora.path("einvoice-pdf"), corpora.path("pdf_truth.json")) else { return Vec::new() };
    let truth: Vec<Value> = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    let (mut values, mut amounts, mut labels, mut rows, mut names) = <(Count, Count, Count, Count, Count)>::default();
    let (mut poppler_rows, mut begun_rows, mut poppler_begun) = <(Count, Count, Count)>::default();
    let (mut pages, mut time) = (0, Duration::ZERO);
    for entry in &truth {
        let path = folder.join(entry["pdf"].as_str().unwrap());
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let ((layout, text), took) = with_attachment("a.pdf", &bytes, |file| {
            let reading = file.reading().unwrap();
            (reading.layout.clone().unwrap_or_default(), reading.text.clone().unwrap_or_default())
        });
        let printed = poppler(&path).unwrap_or_else(|| layout.clone());
        pages += printed.matches('\u{c}').count().max(1);
        time += took;
        let (flat, flat_text, reference) = (folded(&layout), folded(&text), folded(&printed));
        let fields: Vec<(&str, &Value)> =
            entry["fields"].as_array().unwrap().iter().map(|field| (field[0].as_str().unwrap(), &field[1])).collect();
        for (place, (kind, value)) in fields.iter().enumerate() {
            match (*kind, value) {
                (_, Value::Number(amount)) => {
                    let forms = amounts_of(amount.as_f64().unwrap());
                    if contains(&reference, &forms) {
                        amounts.add(contains(&flat, &forms));
                        if *kind != "line_total" {
                            labels.add(layout.lines().any(|line| contains(line, &forms) && has_word(line)));
                        }
                    }
                }
                ("date", Value::String(date)) => {
                    let forms = dates_of(date);
                    if contains(&reference, &forms) {
                        values.add(contains(&flat, &forms));
                    }
                }
                ("seller" | "buyer" | "line_name", Value::String(name)) => {
                    names.add(flat_text.contains(&folded(name)));
                    let total =
                        fields.get(place + 1).filter(|(kind, _)| *kind == "line_total").and_then(|(_, total)| total.as_f64());
                    if let Some(total) = total.filter(|total| *kind == "line_name" && *total != 0.0) {
                        let forms = amounts_of(total);
                        let on_one_line = |text: &str, name: &str| {
                            text.lines().any(|line| folded(line).contains(&folded(name)) && contains(line, &forms))
                        };
                        rows.add(on_one_line(&layout, name));
                        poppler_rows.add(on_one_line(&printed, name));
                        // Long names go on below.
                        let first = name.split_whitespace().next().unwrap_or_default();
                        begun_rows.add(on_one_line(&layout, first));
                        poppler_begun.add(on_one_line(&printed, first));
                    }
                }
                (_, Value::String(value)) if reference.contains(value.as_str()) => values.add(flat.contains(value.as_str())),
                _ => {}
            }
        }
    }
    let per_page = time.as_secs_f64() * 1000.0 / pages as f64;
    let as_poppler = |rows: &Count| format!("as many as poppler: {} of {}", rows.0, rows.1);
    vec![
        values.line("PDF: numbers and dates in `layout` that poppler has", "100 %"),
        amounts.line("PDF: amounts in `layout` that poppler has", "100 %"),
        labels.line("PDF: a total with words beside it on one line", "≥ 98 %"),
        begun_rows.line("PDF: the first word of an item's name and its total on one line", &as_poppler(&poppler_begun)),
        rows.line("PDF: an item's whole name and its total on one line", &as_poppler(&poppler_rows)),
        names.line("PDF: names in `text`", "-"),
        Line::new("PDF: time for a page", "≤ 6 ms", format!("{per_page:.1} ms ({pages} pages)")),
    ]
}

fn poppler(path: &std::path::Path) -> Option<String> {
    let printed = Command::new("pdftotext").arg("-layout").arg(path).arg("-").output().ok()?;
    Some(String::from_utf8_lossy(&printed.stdout).into_owned())
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn has_word(line: &str) -> bool {
    line.split(|sign: char| !sign.is_alphabetic()).any(|word| word.chars().count() > 2)
}

/// Whether one of the forms stands in the text and is not a part of a longer number.
fn contains(text: &str, forms: &BTreeSet<String>) -> bool {
    forms.iter().any(|form| {
        text.match_indices(form.as_str()).any(|(at, _)| {
            let before = text[..at].chars().next_back().is_some_and(|sign| sign.is_ascii_digit() || matches!(sign, '.' | ','));
            let after = text[at + form.len()..].starts_with(|sign: char| sign.is_ascii_digit());
            !before && !after
        })
    })
}

/// How people write an amount.
fn amounts_of(amount: f64) -> BTreeSet<String> {
    let plain = format!("{:.2}", amount.abs());
    let (whole, cents) = plain.split_once('.').unwrap();
    let grouped = |sign: &str| {
        let digits: Vec<char> = whole.chars().collect();
        let groups: Vec<String> = digits.rchunks(3).rev().map(|group| group.iter().collect()).collect();
        groups.join(sign)
    };
    let mut forms = BTreeSet::from([format!("{whole},{cents}"), format!("{whole}.{cents}")]);
    forms.extend(
        [(".", ","), (",", "."), (" ", ","), ("'", ".")].map(|(group, point)| format!("{}{point}{cents}", grouped(group))),
    );
    forms
}

/// How people write a day.
fn dates_of(date: &str) -> BTreeSet<String> {
    let [year, month, day] = date.split('-').collect::<Vec<_>>().try_into().unwrap();
    let (short_month, short_day) = (month.trim_start_matches('0'), day.trim_start_matches('0'));
    BTreeSet::from([
        date.to_owned(),
        format!("{day}.{month}.{year}"),
        format!("{short_day}.{short_month}.{year}"),
        format!("{day}/{month}/{year}"),
        format!("{month}/{day}/{year}"),
        format!("{day}.{month}.{}", &year[2..]),
        format!("{year}{month}{day}"),
        format!("{day}-{month}-{year}"),
    ])
}
