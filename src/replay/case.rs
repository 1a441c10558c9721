//! Cases: a mail, what the rules are given, and what must come of it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::accept::{self, Accepted};
use super::came::{Came, came};
use super::case_file::{CaseFile, Given, GivenAnswer};
use super::difference;
use super::layout::{self, Style};
use super::rehearsal::Rehearsal;
use super::source::{self, Found};
use super::workers::{Jobs, in_order};
use super::{EXPECTATION_SUFFIX, FOLDERS_DEEP_MAX};
use crate::ids::RuleName;
use crate::mail::Message;
use crate::rules::RuleSet;

/// A mail and its expectation, which may not be there yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// The mail's name below the fixtures' folder: `acme-2024-118.eml`.
    pub name: String,
    /// The mail.
    pub mail: PathBuf,
    /// The expectation.
    pub expectation: PathBuf,
}

/// How a case stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What came is what was expected.
    AsExpected,
    /// Something else came, or the case cannot be run; the difference or reason, for people.
    Different(String),
    /// Nobody has said yet what must come; what came, for people.
    NotYetExpected(String),
}

/// A case that was run.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The case.
    pub case: Case,
    /// How it stands.
    pub standing: Standing,
    /// The rules that took part.
    pub rules: Vec<RuleName>,
    result: Result<(CaseFile, Came), String>,
}

/// Why an expectation has no mail, and what to do.
fn no_mail(case: &Case) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (mail, expectation) = (name(&case.mail), name(&case.expectation));
    let begin = format!("{expectation} has no mail: {mail} is not beside it");
    let meant = mail.strip_suffix(".eml").and_then(|meant| Some((meant, source::expectation_name(meant)?)));
    meant.map_or(begin.clone(), |(meant, own)| format!("{begin}; what is expected of {meant} is written in {own}"))
}

/// The cases of a folder and the folders in it, in name order. An expectation without a mail is a case too, and fails.
///
/// # Errors
/// A folder that cannot be searched, in words.
pub fn cases_in(dir: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let mut folders = vec![(dir.to_owned(), String::new(), 0)];
    while let Some((folder, shown, depth)) = folders.pop() {
        let entries = source::listing(&folder).map_err(|error| format!("{} cannot be searched: {error}", folder.display()))?;
        let mut expected = BTreeSet::new();
        for entry in &entries {
            let below = format!("{shown}{}", entry.name);
            if entry.is_folder && depth < FOLDERS_DEEP_MAX && !entry.name.starts_with('.') {
                folders.push((entry.path.clone(), format!("{below}/"), depth + 1));
            } else if let Some(expectation) = source::expectation_name(&entry.name).filter(|_| !entry.is_folder) {
                expected.insert(expectation.clone());
                cases.push(Case { name: below, mail: entry.path.clone(), expectation: folder.join(expectation) });
            }
        }
        for orphan in entries.iter().filter_map(|entry| entry.name.strip_suffix(EXPECTATION_SUFFIX)) {
            let expectation = format!("{orphan}{EXPECTATION_SUFFIX}");
            if !expected.contains(&expectation) {
                let name = format!("{orphan}.eml");
                let expectation = folder.join(expectation);
                cases.push(Case { name: format!("{shown}{name}"), mail: folder.join(name), expectation });
            }
        }
    }
    cases.sort();
    Ok(cases)
}

/// Runs cases and hands each to `receive`, in order.
///
/// # Errors
/// A thread cannot be started.
pub fn try_cases(rehearsal: &Rehearsal<'_>, cases: Vec<Case>, jobs: Jobs, mut receive: impl FnMut(Tried)) -> std::io::Result<()> {
    let names: Vec<Case> = cases.clone();
    let mut number = 0;
    in_order(
        cases.into_iter(),
        jobs,
        |case| Tried::run(rehearsal, case),
        |tried| {
            let lost =
                || names.get(number).map(|case| Tried::failed(case.clone(), "the program stumbled over this mail".to_owned()));
            if let Some(tried) = tried.or_else(lost) {
                receive(tried);
            }
            number += 1;
            ControlFlow::Continue(())
        },
    )
}

/// Whether all cases of a folder that have an expectation hold.
///
/// # Errors
/// One text for each that does not.
pub fn cases_hold(rules: &RuleSet, dir: &Path) -> Result<(), Vec<String>> {
    let cases = cases_in(dir).map_err(|problem| vec![problem])?;
    let mut failed = Vec::new();
    let tried = try_cases(&Rehearsal::new(rules), cases, Jobs::all_cores(), |tried| {
        if let Standing::Different(difference) = tried.standing {
            failed.push(format!("{} is different\n{difference}", tried.case.mail.display()));
        }
    });
    failed.extend(tried.err().map(|error| format!("the cases cannot be run: {error}")));
    if failed.is_empty() { Ok(()) } else { Err(failed) }
}

/// Writes down what comes of a mail, and what the rules were given, as its expectation.
pub fn recorded(rehearsal: &Rehearsal<'_>, case: Case, given: Given) -> Accepted {
    Tried::with(rehearsal, case, CaseFile { given, expect: None }).accept()
}

/// The rules that take part in no case of a folder.
pub fn unreached(rules: &RuleSet, dir: &Path) -> Vec<RuleName> {
    let mut names: Vec<RuleName> = rules.rules().into_iter().map(|(name, _)| name).collect();
    let cases = cases_in(dir).unwrap_or_default();
    // Where no thread can be started, nothing is reached, and that is what is said.
    let _ = try_cases(&Rehearsal::new(rules), cases, Jobs::all_cores(), |tried| names.retain(|name| !tried.rules.contains(name)));
    names
}

/// The answers of all expectations of a folder.
///
/// # Errors
/// What is wrong with the first file that cannot be read.
pub fn answers_of(dir: &Path) -> Result<Vec<GivenAnswer>, String> {
    let mut answers = Vec::new();
    for case in cases_in(dir)? {
        answers.extend(CaseFile::read(&case.expectation).map_err(|problems| problems.join("\n"))?.given.answers);
    }
    Ok(answers)
}

impl Tried {
    fn run(rehearsal: &Rehearsal<'_>, case: Case) -> Self {
        match CaseFile::read(&case.expectation) {
            Ok(file) => Self::with(rehearsal, case, file),
            Err(problems) => Self::failed(case, problems.join("\n")),
        }
    }

    fn with(rehearsal: &Rehearsal<'_>, case: Case, file: CaseFile) -> Self {
        if !case.mail.exists() {
            return Self::failed(case.clone(), no_mail(&case));
        }
        let raw = match Found::in_file(case.name.as_str(), case.mail.clone()).read() {
            Ok(raw) => raw,
            Err(reason) => return Self::failed(case, format!("the mail {reason}")),
        };
        let message = Arc::new(Message::from_raw(raw, &case.name));
        let decided = rehearsal.decide(&message, &file.given);
        let rules = decided.rules.clone();
        let result = match came(&decided, &message.envelope, rehearsal) {
            Ok(result) => result,
            Err(reason) if file.expect.is_none() => {
                return Self { case, standing: Standing::NotYetExpected(reason.clone()), rules, result: Err(reason) };
            }
            Err(reason) => return Self { rules, ..Self::failed(case, reason) },
        };
        let standing = match &file.expect {
            None => {
                let worth = Self::all_of(&result);
                Standing::NotYetExpected(
                    layout::expectation(&worth, Style::Compact) + result.fault.as_deref().unwrap_or_default(),
                )
            }
            Some(expected) => {
                let seen = difference::seen(expected, &result);
                if seen == *expected {
                    Standing::AsExpected
                } else {
                    Standing::Different(difference::show(expected, &seen, &result))
                }
            }
        };
        Self { case, standing, rules, result: Ok((file, result)) }
    }

    fn all_of(came: &Came) -> super::Expectation {
        let asked = super::Expectation { rules: Some(Vec::new()), ..super::Expectation::default() };
        let seen = difference::seen(&asked, came);
        super::Expectation { reason: came.told.reason.clone(), ..seen }
    }

    fn failed(case: Case, reason: String) -> Self {
        Self { case, standing: Standing::Different(reason.clone()), rules: Vec::new(), result: Err(reason) }
    }

    /// Writes down what came as what is expected from now on.
    pub fn accept(&self) -> Accepted {
        if self.standing == Standing::AsExpected {
            return Accepted::Same;
        }
        match &self.result {
            Err(reason) => Accepted::Refused(reason.clone()),
            Ok((_, Came { fault: Some(fault), .. })) => Accepted::Refused(fault.clone()),
            Ok((file, came)) => accept::write(&self.case.expectation, &accept::text(file, came)),
        }
    }
}
