//! All problems of a rule set, gathered file by file.

use crate::rules::codes;
use crate::rules::fault::Fault;
use crate::rules::files::RuleFiles;
use crate::rules::syntax::Complaint;
use crate::templates::TemplateProblem;

/// Problems of one rule set at most; beyond, more are no help.
const PROBLEMS_MAX: usize = 200;

/// What is wrong with a rule set.
pub(in crate::rules) struct Problems<'p> {
    files: &'p RuleFiles,
    dir: &'p str,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl<'p> Problems<'p> {
    pub fn new(files: &'p RuleFiles, dir: &'p str) -> Self {
        Self { files, dir, faults: Vec::new(), warnings: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// A file's name as people know it.
    pub fn shown(&self, path: &str) -> String {
        if path.is_empty() { self.dir.to_owned() } else { self.files.shown(self.dir, path) }
    }

    pub fn push(&mut self, fault: Fault) {
        let list = if codes::is_warning(fault.code) { &mut self.warnings } else { &mut self.faults };
        if list.len() < PROBLEMS_MAX && !list.contains(&fault) {
            list.push(fault);
        }
    }

    /// A problem of a whole file.
    pub fn file(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        self.push(Fault::new(code, self.shown(path), message));
    }

    /// A template's problem.
    pub fn template(&mut self, problem: &TemplateProblem) {
        let file = self.shown(&format!("templates/{}", problem.file));
        self.push(Fault { line: problem.line, ..Fault::new(codes::TEMPLATE_PROBLEM, file, problem.message.clone()) });
    }

    /// Problems at places of a script. Of several with one place the first counts.
    pub fn extend(&mut self, complaints: Vec<Complaint>, path: &str, source: &str) {
        let file = self.shown(path);
        for complaint in complaints {
            let Complaint { code, message, position, hint } = complaint;
            let fault = Fault::new(code, file.clone(), message).hint(hint).at(position, source);
            let same = |known: &Fault| {
                known.line.is_some() && (&known.file, known.line, known.column) == (&fault.file, fault.line, fault.column)
            };
            if !self.faults.iter().any(same) {
                self.push(fault);
            }
        }
    }

    /// Faults and warnings, in the order of files and lines.
    pub fn finish(self) -> (Vec<Fault>, Vec<Fault>) {
        let Self { mut faults, mut warnings, .. } = self;
        for list in [&mut faults, &mut warnings] {
            list.sort_by(|one, other| (&one.file, one.line, one.column).cmp(&(&other.file, other.line, other.column)));
        }
        (faults, warnings)
    }
}
