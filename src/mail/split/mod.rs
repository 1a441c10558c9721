//! A text parted into what its sender wrote, the signature, notices around it, and the quoted trail.
//!
//! By lines, each looked at a fixed number of times. Every line ends up in exactly one portion, so that nothing is lost.

mod ending;
mod fields;
mod forwarded;
mod lines;
mod phrases;
mod trail;

#[cfg(test)]
mod stories;

use std::ops::Range;

pub(super) use forwarded::{Forwarded, Subject};
use lines::Lines;

/// What a stretch of a mail's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// What the sender wrote now.
    Top,
    /// The sender's signature, from the greeting, `--` or "Sent from my phone" on.
    Signature,
    /// A notice about confidentiality below, or a banner of the recipient's mail system above.
    Notice,
    /// Earlier messages, with the lines that introduce them.
    Quoted,
}

/// What the HTML that a text was made of says of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Lines inside of quotations.
    pub(super) cited: Vec<Range<usize>>,
    /// The line with which the quoted trail begins.
    pub(super) trail: Option<usize>,
}

/// A text's portions, blank lines around each left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// Bytes of the text, without a gap from its beginning to its end.
    pub(super) spans: Vec<(Portion, Range<usize>)>,
    pub(super) top: String,
    pub(super) signature: String,
    pub(super) notices: String,
    pub(super) quoted: String,
}

impl Split {
    /// Parts a text whose lines end in `\n`.
    pub(super) fn of(text: &str, marks: &Marks) -> Self {
        let lines = Lines::of(text, marks);
        let spans = spans(&lines, text.len());
        let portion = |wanted: Portion| {
            let mut portion = String::new();
            for (_, span) in spans.iter().filter(|(own, _)| *own == wanted) {
                let part = text.get(span.clone()).unwrap_or_default();
                portion.push_str(part);
                if !part.ends_with('\n') {
                    portion.push('\n');
                }
            }
            without_blank_edges(&portion).to_owned()
        };
        let (top, signature) = (portion(Portion::Top), portion(Portion::Signature));
        let (notices, quoted) = (portion(Portion::Notice), portion(Portion::Quoted));
        Self { spans, top, signature, notices, quoted }
    }
}

/// The portion of each line, neighbours of the same one joined, in bytes.
fn spans(lines: &Lines<'_>, length: usize) -> Vec<(Portion, Range<usize>)> {
    let mut portions = vec![Portion::Top; lines.len()];
    trail::find(lines, &mut portions);
    ending::find(lines, &mut portions);
    let mut spans: Vec<(Portion, Range<usize>)> = Vec::new();
    let mut at = 0;
    for (line, portion) in lines.raw.iter().zip(portions) {
        let end = (at + line.len() + 1).min(length);
        match spans.last_mut() {
            Some((own, span)) if *own == portion => span.end = end,
            _ => spans.push((portion, at..end)),
        }
        at = end;
    }
    spans
}

/// Leading blank lines and trailing white space go, indentation stays.
fn without_blank_edges(text: &str) -> &str {
    let text = text.trim_end();
    match text.find(|c: char| !c.is_whitespace()) {
        Some(first) => text.get(text[..first].rfind('\n').map_or(0, |end| end + 1)..).unwrap_or(text),
        None => "",
    }
}
