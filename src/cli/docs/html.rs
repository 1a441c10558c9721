//! The reference as one HTML page that needs nothing beside it.

use std::fmt::Write;

use super::{FAMILIES, INTRODUCTION, gives, of_family};
use crate::rules::codes;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#d5d9de;--soft:#f5f6f8;--dim:#5c6570;--link:#0b57a4}\
@media(prefers-color-scheme:dark){:root{--line:#3a4048;--soft:#1d2126;--dim:#9aa4af;--link:#7db8f0}}\
body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:15rem minmax(0,60rem);gap:2.5rem}\
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem;background:var(--soft);box-sizing:border-box;font-size:.9rem}\
nav a{display:block;padding:.15rem 0;text-decoration:none}.codes a{display:inline-block;width:3.2rem}a{color:var(--link)}nav b{display:block;margin:1rem 0 .3rem}\
main{padding:1.5rem 1.5rem 4rem 0;min-width:0}h1{font-size:1.7rem}h2{margin-top:2.5rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}\
h3{margin:2rem 0 .4rem;font-size:1.05rem}code,pre{font:.88em/1.5 ui-monospace,Consolas,monospace}\
pre{background:var(--soft);padding:.7rem 1rem;border-radius:6px;overflow-x:auto;margin:.4rem 0 1rem}\
table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:.45rem .8rem .45rem 0;vertical-align:top}\
td:first-child{white-space:nowrap}td.kind{color:var(--dim);white-space:nowrap}td pre{margin:.3rem 0 0;padding:.35rem .6rem;white-space:pre-wrap}\
@media(max-width:60rem){body{display:block}nav{position:static;height:auto}main{padding:1rem}td{display:block;border:0;padding:.1rem 0}\
tr{display:block;border-top:1px solid var(--line);padding:.5rem 0}}";

/// The whole page.
pub(super) fn page() -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>The words of rules</title><style>{STYLE}</style></head><body>\n<nav><b>Words</b>"
    );
    for (family, heading, _) in FAMILIES {
        let _ = write!(page, "<a href=\"#{family}\">{heading}</a>");
    }
    page.push_str("<b>Codes</b><div class=\"codes\">");
    for (code, meaning) in codes::ALL {
        let _ = write!(page, "<a href=\"#{code}\" title=\"{}\">{code}</a>", escaped(meaning));
    }
    let _ = write!(page, "</div></nav>\n<main><h1>The words of rules</h1>\n<p>{}</p>\n", inline(INTRODUCTION));
    for (family, heading, first) in FAMILIES {
        let _ = write!(page, "<h2 id=\"{family}\">{heading}</h2>\n<p>{}</p>\n<table>\n", inline(first));
        for word in of_family(family) {
            let _ = writeln!(
                page,
                "<tr><td><code>{}</code></td><td class=\"kind\">{}</td><td>{}<pre>{}</pre></td></tr>",
                escaped(word.written()),
                inline(&gives(word)),
                inline(word.summary),
                escaped(word.example)
            );
        }
        page.push_str("</table>\n");
    }
    page.push_str("<h2>The codes of problems</h2>\n");
    for text in codes::pages() {
        let (heading, body) = text.split_once('\n').unwrap_or((text, ""));
        let code = heading.split(' ').next().unwrap_or_default();
        let _ = write!(page, "<h3 id=\"{code}\">{}</h3>\n{}", inline(heading), blocks(body));
    }
    page.push_str("</main></body></html>\n");
    page
}

/// Paragraphs and fenced examples.
fn blocks(text: &str) -> String {
    let mut page = String::new();
    for (at, part) in text.split("```").enumerate() {
        if at % 2 == 1 {
            let example = part.split_once('\n').map_or(part, |(_, example)| example);
            let _ = writeln!(page, "<pre>{}</pre>", escaped(example.trim_end()));
            continue;
        }
        for paragraph in part.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
            let _ = writeln!(page, "<p>{}</p>", inline(paragraph));
        }
    }
    page
}

/// A text with its code between backticks.
fn inline(text: &str) -> String {
    let part = |(at, part): (usize, &str)| if at % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) };
    text.split('`').enumerate().map(part).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
