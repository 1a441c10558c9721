//! The tutorial, followed word for word in an empty folder.
//!
//! `POSTROOM_ACCEPT=1 cargo test tutorial::` writes down what came, to be read and committed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

fn tutorial() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/first-rule.md")
}

/// What a command says, both streams in the order in which they come.
fn said(dir: &Path, commands: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_postroom")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1\n{commands}")]).current_dir(dir).env("PATH", path);
    shell.env_remove("POSTROOM_CLIENT_SECRET").env_remove("POSTROOM_LOG");
    let text = String::from_utf8(shell.output().unwrap().stdout).unwrap();
    let took = Regex::new(r"took [0-9.]+ ms").unwrap();
    took.replace_all(text.trim_end(), "took 0.3 ms").into_owned()
}

#[cfg(unix)]
#[test]
fn the_tutorial_says_what_its_reader_will_see() {
    let dir = tempfile::tempdir().unwrap();
    let page = std::fs::read_to_string(tutorial()).unwrap();
    let mut followed = String::new();
    let mut rest = page.as_str();
    let mut steps = 0;
    while let Some((before, after)) = rest.split_once("```sh\n") {
        let (commands, after) = after.split_once("```\n").unwrap();
        let came = said(dir.path(), commands);
        write!(followed, "{before}```sh\n{commands}```\n").unwrap();
        rest = if let Some(told) = after.strip_prefix("\n```text\n") {
            write!(followed, "\n```text\n{came}\n```\n").unwrap();
            told.split_once("```\n").unwrap().1
        } else {
            assert_eq!(came, "", "{commands}");
            after
        };
        steps += 1;
    }
    followed.push_str(rest);
    assert!(steps > 8);
    if std::env::var_os("POSTROOM_ACCEPT").is_some() {
        std::fs::write(tutorial(), &followed).unwrap();
    }
    assert_eq!(followed, page, "the page says something else than the program");
}
