//! Spreadsheets and Word files, held against a second reader (`second_reader.py`, with openpyxl and xlrd).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use postroom::mail::{Data, Sheet};
use serde_json::Value;

use crate::Line;
use crate::corpora::{Corpora, name_of, with_attachment};

pub fn spreadsheets(corpora: &Corpora) -> Vec<Line> {
    let (mut same, mut all, mut opened, mut differing) = (0, 0, 0, 0);
    let files = corpora.files("xlsx", &["xlsx", "xlsm", "xls"]);
    for second in read_twice(&files) {
        let path = PathBuf::from(second["file"].as_str().unwrap());
        let bytes = std::fs::read(&path).unwrap();
        let (sheets, _) = with_attachment(&name_of(&path), &bytes, |file| {
            let problem = file.problem().unwrap().unwrap_or_default();
            (file.reading().unwrap().sheets.clone(), problem)
        });
        let (sheets, problem) = sheets;
        opened += usize::from(!sheets.is_empty());
        if sheets.is_empty() {
            println!("{}: {problem}", path.display());
        }
        for expected in second["sheets"].as_array().unwrap() {
            let cells = expected["cells"].as_array().unwrap();
            let own = sheets.iter().find(|sheet| sheet.name.as_deref() == expected["name"].as_str());
            let found = own.map_or(0, |sheet| count_same(sheet, cells));
            differing += usize::from(found < cells.len());
            if found < cells.len() {
                println!("{} `{}`: {found} of {} cells", path.display(), expected["name"], cells.len());
            }
            (same, all) = (same + found, all + cells.len());
        }
    }
    vec![
        Line::new(
            "spreadsheets: files that the second reader opens, too",
            "-",
            format!("{opened} of those, {} files", files.len()),
        ),
        Line::share("spreadsheets: cells equal to a second reader's", "≥ 99.9 %", same, all),
        Line::new("spreadsheets: sheets with a differing cell", "-", differing.to_string()),
    ]
}

fn count_same(sheet: &Sheet, expected: &[Value]) -> usize {
    let first = expected.iter().filter_map(|cell| cell[0].as_u64()).min().unwrap_or(1);
    let is_same = |cell: &&Value| {
        let (row, column) = (cell[0].as_u64().unwrap() - first, cell[1].as_u64().unwrap() - 1);
        let own = sheet.cells.get(usize::try_from(row).unwrap()).and_then(|row| row.get(usize::try_from(column).unwrap()));
        let value = cell[3].as_str().unwrap();
        match (cell[2].as_str().unwrap(), own.unwrap_or(&Data::Nothing)) {
            ("number", Data::Number(number)) => {
                let (one, other) = (number.to_string().parse::<f64>().unwrap(), value.parse::<f64>().unwrap());
                (one - other).abs() <= other.abs() * 1e-12
            }
            ("number", Data::Text(text)) => text.parse::<f64>().ok() == value.parse::<f64>().ok(),
            ("time", Data::Day(day)) => value == format!("{day} 00:00:00"),
            ("time", own @ Data::Local(_)) => own.to_string().get(..19) == Some(value),
            ("other", Data::Text(_)) => true,
            ("text", Data::Nothing) => value.is_empty(),
            (_, own) => own.to_string().split_whitespace().collect::<Vec<_>>().join(" ") == value,
        }
    };
    expected.iter().filter(is_same).count()
}

pub fn word(corpora: &Corpora) -> Vec<Line> {
    let files = corpora.files("docx", &["docx"]);
    let mut counts = HashMap::from([("body", (0, 0)), ("notes", (0, 0))]);
    for second in read_twice(&files) {
        let path = PathBuf::from(second["file"].as_str().unwrap());
        let bytes = std::fs::read(&path).unwrap();
        let (text, _) = with_attachment(&name_of(&path), &bytes, |file| file.text().unwrap().unwrap_or_default().to_owned());
        let mut words: HashMap<&str, usize> = HashMap::new();
        text.split_whitespace().for_each(|word| *words.entry(word).or_default() += 1);
        for (kind, expected) in second["words"].as_object().unwrap() {
            for word in expected.as_array().unwrap() {
                let left = words.get_mut(word.as_str().unwrap()).filter(|left| **left > 0);
                let count = counts.get_mut(kind.as_str()).unwrap();
                count.1 += 1;
                if let Some(left) = left {
                    *left -= 1;
                    count.0 += 1;
                }
            }
        }
    }
    let line = |what: &str, reach: &str, kind: &str| Line::share(what, reach, counts[kind].0, counts[kind].1);
    vec![
        line("DOCX: words of the body", "≥ 99.5 %", "body"),
        line("DOCX: words of headers, footers and notes", "≥ 99 %", "notes"),
    ]
}

/// What the second reader says of the files that it can read; nothing, with a word, where it cannot run.
fn read_twice(files: &[PathBuf]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/extraction/second_reader.py");
    let read = match Command::new("python3").arg(script).args(files).output() {
        Ok(read) if read.status.success() => read,
        _ => {
            println!("python3 with openpyxl and xlrd is needed for a second reading: left out");
            return Vec::new();
        }
    };
    String::from_utf8_lossy(&read.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
