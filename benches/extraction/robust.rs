//! Whatever is sent: all files of the corpora as they are, and damaged copies of each kind, read in children as `run` does.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use postroom::parsing::{Limits, Parser, Parsing};

use crate::Line;
use crate::corpora::{Corpora, Random, mail_with, name_of};

/// Damaged copies of each kind.
const COPIES: usize = 1_000;
const SEED: u64 = 20_261_127;
/// Longer than this is a hang.
const HANG: Duration = Duration::from_secs(10);
/// The kinds, by their folder and the endings of their files' names; all files where there are none.
const KINDS: &[(&str, &[&str])] = &[
    ("einvoice-pdf", &["pdf"]),
    ("xlsx", &["xlsx", "xlsm", "xls", "xlsb", "ods"]),
    ("docx", &["docx"]),
    ("einvoice-xml", &["xml"]),
    ("ics", &["ics"]),
    ("msg", &["msg"]),
    ("tnef", &[]),
    ("mime", &["eml"]),
    ("html", &["html", "htm"]),
];

/// What became of the files of one kind.
#[derive(Default)]
struct Ends {
    files: usize,
    /// The child died, by reason.
    deaths: BTreeMap<String, usize>,
    slow: usize,
}

pub fn measure(corpora: &Corpora) -> Vec<Line> {
    let parser = Parser::new(Parsing::Children { program: env!("CARGO_BIN_EXE_postroom").into(), limits: Limits::default() });
    let mut lines = Vec::new();
    for (kind, endings) in KINDS {
        let files = corpora.files(kind, endings);
        if files.is_empty() {
            continue;
        }
        let mut whole = Ends::default();
        for path in &files {
            read(&parser, path, std::fs::read(path).unwrap(), &mut whole);
        }
        lines.push(whole.line(&format!("{kind}: all files, read in children")));
        let mut damaged = Ends::default();
        let mut random = Random(SEED);
        for _ in 0..COPIES {
            let path = &files[random.below(files.len())];
            read(&parser, path, damage(std::fs::read(path).unwrap(), &mut random), &mut damaged);
        }
        lines.push(damaged.line(&format!("{kind}: damaged copies (seed {SEED})")));
    }
    lines
}

fn read(parser: &Parser, path: &Path, bytes: Vec<u8>, ends: &mut Ends) {
    ends.files += 1;
    let name = name_of(path);
    let is_mail = name.to_lowercase().ends_with(".eml");
    let raw = if is_mail { bytes } else { mail_with(&name, &bytes) };
    let began = Instant::now();
    match parser.parse(raw) {
        Err(unparsed) => *ends.deaths.entry(unparsed.to_string()).or_default() += 1,
        Ok(content) => {
            // Files in files are known once the outer ones are read.
            while !content.unread().is_empty() {
                parser.read_attachments(&content).unwrap();
            }
            for file in content.attachments() {
                let problem = file.problem().unwrap().unwrap_or_default();
                if let Some(reason) = problem.strip_prefix("it could not be read: ").or(problem.strip_prefix("its reader failed"))
                {
                    println!("{name}: {problem}");
                    *ends.deaths.entry(reason.to_owned()).or_default() += 1;
                }
            }
        }
    }
    if began.elapsed() > HANG {
        println!("{name}: {:?}", began.elapsed());
        ends.slow += 1;
    }
}

/// Cuts, flips, zeroes, repeats or mixes up some of the bytes.
fn damage(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    for _ in 0..=random.below(3) {
        let length = bytes.len();
        if length < 2 {
            return bytes;
        }
        let at = random.below(length);
        let end = (at + 1 + random.below(64)).min(length);
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => (0..=random.below(40)).for_each(|_| bytes[random.below(length)] ^= 1 << random.below(8)),
            2 => bytes[at..end].fill(0),
            3 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(length);
                bytes.splice(to..to, piece);
            }
            _ => (at..end).for_each(|place| bytes[place] = u8::try_from(random.below(256)).unwrap()),
        }
    }
    bytes
}

impl Ends {
    fn line(&self, what: &str) -> Line {
        let deaths: usize = self.deaths.values().sum();
        let reasons: Vec<String> = self.deaths.iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
        let deaths = if deaths == 0 { "none".to_owned() } else { format!("{deaths} ({})", reasons.join("; ")) };
        Line::new(
            what,
            "0 lost, 0 over 10 s",
            format!("{} files: taken from the child: {deaths}; over 10 s: {}", self.files, self.slow),
        )
    }
}
