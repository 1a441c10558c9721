//! The mail that is measured with: made once, the same for everybody.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How many there are.
pub const MAILS: usize = 10_000;

/// The folder with `eml/` and `manifest.jsonl`: made by python3 where it is not there yet, in half a minute (740 MB).
pub fn generated() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-mail");
    if !dir.join("complete").is_file() {
        println!("{MAILS} mails are made in {} …", dir.display());
        let mut make = Command::new("python3");
        make.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/make_mail.py"));
        make.args(["-n", &MAILS.to_string(), "--seed", "1", "--formats", "eml", "--out"]);
        assert!(make.arg(&dir).status().unwrap().success(), "the mail could not be made");
        std::fs::write(dir.join("complete"), "").unwrap();
    }
    dir
}

/// The mails in a folder, by name.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    files
}
