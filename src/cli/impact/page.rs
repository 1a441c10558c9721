//! The report as one page for a browser, without scripts and without anything that it would have to fetch.

use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::report::Report;
use crate::replay::Line;

#[derive(Serialize)]
struct Row<'r> {
    /// `same`, `instead`, `before` or `after`.
    kind: &'static str,
    before: &'r str,
    after: &'r str,
}

fn row(line: &Line) -> Row<'_> {
    match line {
        Line::Both(text) => Row { kind: "same", before: text, after: text },
        Line::Before(text) => Row { kind: "before", before: text, after: "" },
        Line::After(text) => Row { kind: "after", before: "", after: text },
        Line::Instead(before, after) => Row { kind: "instead", before, after },
    }
}

pub(super) fn rendered(report: &Report) -> Result<String, minijinja::Error> {
    let kinds: Vec<_> = report
        .kinds()
        .map(|kind| {
            let messages: Vec<_> = kind
                .kept
                .iter()
                .map(|message| {
                    let rows: Vec<Row<'_>> = message.lines.iter().map(row).collect();
                    let rows = minijinja::value::Serde(rows);
                    context! { file => &message.file, subject => &message.subject, from => &message.from, rows }
                })
                .collect();
            let name = kind.change.word().replace(' ', "-");
            context! { name, word => kind.change.word(), count => kind.count, more => kind.count - messages.len(), messages }
        })
        .collect();
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("impact.html", include_str!("impact.html"))?;
    environment.get_template("impact.html")?.render(context! {
        style => include_str!("../../web/style.css"),
        mailbox => &report.mailbox,
        before => &report.names.0,
        after => &report.names.1,
        mail => &report.what,
        all => report.all(),
        differing => report.differing(),
        kinds,
    })
}
