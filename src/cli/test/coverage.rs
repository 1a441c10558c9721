//! How far the cases reach into the scripts: in the terminal, as a page, and as lcov for other tools.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use minijinja::{AutoEscape, Environment, context};

use super::super::table::table;
use super::super::{say, tell as tell_people};
use crate::ids::RuleName;
use crate::replay::Tried;
use crate::rules::{BranchCoverage, RuleSet, ScriptCoverage};

/// What the cases of one mailbox reached.
pub(super) struct Reached {
    scripts: Vec<Script>,
}

struct Script {
    coverage: ScriptCoverage,
    /// The cases in which the rule applied; `None` for what is no rule.
    cases: Option<usize>,
}

impl Reached {
    pub(super) fn of(rules: &RuleSet, tried: &[Tried]) -> Self {
        let names: Vec<RuleName> = rules.rules().into_iter().map(|(name, _)| name).collect();
        let rule_of = |file: &str| names.iter().find(|name| file.ends_with(&format!("/{name}.rhai")) && !file.contains("/lib/"));
        let scripts = rules.reached().into_iter().map(|coverage| {
            let cases = rule_of(&coverage.file).map(|name| tried.iter().filter(|case| case.rules.contains(name)).count());
            Script { coverage, cases }
        });
        Self { scripts: scripts.collect() }
    }
}

impl Script {
    fn lines(&self) -> Share {
        Share::of(self.coverage.lines.values().map(|count| *count > 0))
    }

    fn branches(&self) -> Share {
        Share::of(self.coverage.branches.iter().map(|branch| branch.taken > 0))
    }

    /// `17, 22-24; line 20 never else`.
    fn missing(&self) -> String {
        let lines: Vec<usize> = self.coverage.lines.iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line).collect();
        let mut text = ranges(&lines, &self.coverage.lines);
        let reached = |line: &usize| self.coverage.lines.get(line).is_some_and(|count| *count > 0);
        // A branch whose first line is named already needs no second word.
        for branch in
            self.coverage.branches.iter().filter(|branch| branch.taken == 0 && branch.name == "else" && reached(&branch.line))
        {
            let _ = write!(text, "{}{} never else", if text.is_empty() { "" } else { ", " }, branch.line);
        }
        text
    }
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    reached: usize,
    all: usize,
}

impl Share {
    fn of(flags: impl Iterator<Item = bool>) -> Self {
        flags.fold(Self::default(), |share, flag| Self { reached: share.reached + usize::from(flag), all: share.all + 1 })
    }

    fn add(self, other: Self) -> Self {
        Self { reached: self.reached + other.reached, all: self.all + other.all }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.all {
            0 => f.write_str("-"),
            all => write!(f, "{} of {all} ({} %)", self.reached, self.reached * 100 / all),
        }
    }
}

/// Lines in the order of the script; neighbours among its statements as one range.
fn ranges(lines: &[usize], all: &BTreeMap<usize, u64>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if all.range(*last + 1..*line).next().is_none() => *last = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    let text: Vec<String> =
        ranges.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") }).collect();
    text.join(", ")
}

/// Tells it to people, and writes what is asked for.
pub(super) fn tell(reached: &[Reached], html: Option<&Path>, lcov: Option<&Path>) -> anyhow::Result<()> {
    let scripts: Vec<&Script> = merged(reached);
    say(&format!("\n{}", shown(&scripts)));
    if let Some(dir) = html {
        let file = dir.join("index.html");
        std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        std::fs::write(&file, page(&scripts)?).with_context(|| format!("{} cannot be written", file.display()))?;
        tell_people(&format!("The page is {}.", file.display()));
    }
    if let Some(file) = lcov {
        std::fs::write(file, as_lcov(&scripts)).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

/// All scripts; of one that several mailboxes share, the copy that was reached furthest.
fn merged(reached: &[Reached]) -> Vec<&Script> {
    let mut by_file: BTreeMap<&str, &Script> = BTreeMap::new();
    for script in reached.iter().flat_map(|reached| &reached.scripts) {
        let best = by_file.entry(script.coverage.file.as_str()).or_insert(script);
        if script.lines().reached > best.lines().reached {
            *best = script;
        }
    }
    by_file.into_values().collect()
}

fn shown(scripts: &[&Script]) -> String {
    let mut rows = vec![["Script", "Cases", "Lines", "Branches", "Never reached"].map(str::to_owned).to_vec()];
    let (mut lines, mut branches) = (Share::default(), Share::default());
    for script in scripts {
        (lines, branches) = (lines.add(script.lines()), branches.add(script.branches()));
        let cases = script.cases.map_or_else(|| "-".to_owned(), |cases| cases.to_string());
        let row =
            [script.coverage.file.clone(), cases, script.lines().to_string(), script.branches().to_string(), script.missing()];
        rows.push(row.to_vec());
    }
    let unreached = scripts.iter().filter(|script| script.cases == Some(0)).count();
    let all = scripts.iter().filter(|script| script.cases.is_some()).count();
    let rules = format!("{} of {all} rules", all - unreached);
    format!("{}\n\nreached: {rules}, {lines} lines, {branches} branches", table(&rows, &[48, 6, 18, 18, 60]))
}

fn page(scripts: &[&Script]) -> anyhow::Result<String> {
    let listed: Vec<_> = scripts
        .iter()
        .enumerate()
        .map(|(number, script)| {
            let lines: Vec<_> = script.coverage.text.lines().enumerate().map(|(at, text)| line(script, at + 1, text)).collect();
            context! {
                id => format!("s{number}"), file => &script.coverage.file, cases => script.cases,
                share => script.lines().to_string(), branches => script.branches().to_string(), lines,
            }
        })
        .collect();
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("coverage.html", include_str!("coverage.html"))?;
    let style = include_str!("../../web/style.css");
    Ok(environment.get_template("coverage.html")?.render(context! { style, scripts => listed })?)
}

fn line(script: &Script, number: usize, text: &str) -> minijinja::Value {
    let count = script.coverage.lines.get(&number);
    let here = script.coverage.branches.iter().filter(|branch| branch.line == number && branch.taken == 0);
    let never: Vec<&str> = here.map(|branch| branch.name).collect();
    let kind = match (count, never.is_empty()) {
        (Some(0), _) => "missed",
        (Some(_), false) => "partly",
        (Some(_), true) => "reached",
        (None, _) => "",
    };
    context! { number, text, count, kind, never => never.join(", ") }
}

/// The tracefile of geninfo(1).
fn as_lcov(scripts: &[&Script]) -> String {
    let mut text = String::new();
    for script in scripts {
        let ScriptCoverage { file, lines, branches, .. } = &script.coverage;
        let _ = writeln!(text, "TN:\nSF:{file}");
        for (number, BranchCoverage { line, taken, .. }) in branches.iter().enumerate() {
            let reached = lines.get(line).is_some_and(|count| *count > 0);
            let taken = if reached { taken.to_string() } else { "-".to_owned() };
            let _ = writeln!(text, "BRDA:{line},0,{number},{taken}");
        }
        let (all, hit) = (script.branches(), script.lines());
        let _ = writeln!(text, "BRF:{}\nBRH:{}", all.all, all.reached);
        for (line, count) in lines {
            let _ = writeln!(text, "DA:{line},{count}");
        }
        let _ = writeln!(text, "LF:{}\nLH:{}\nend_of_record", hit.all, hit.reached);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> Script {
        let branch = |line, name, taken| BranchCoverage { line, name, taken };
        let coverage = ScriptCoverage {
            file: "rules/invoices/10-a.rhai".to_owned(),
            text: "1\n2\n3\n4\n5\n6\n7\n8".to_owned(),
            lines: [(2, 3), (3, 0), (5, 0), (6, 3), (8, 0)].into(),
            branches: vec![branch(2, "then", 0), branch(2, "else", 3), branch(6, "then", 3), branch(6, "else", 0)],
        };
        Script { coverage, cases: Some(3) }
    }

    #[test]
    fn what_was_never_reached_is_named_by_its_lines() {
        let script = script();
        assert_eq!(script.missing(), "3-5, 8, 6 never else");
        assert_eq!((script.lines().to_string(), script.branches().to_string()), ("2 of 5 (40 %)".into(), "2 of 4 (50 %)".into()));
    }

    #[test]
    fn other_tools_read_it_as_lcov() {
        assert_eq!(
            as_lcov(&[&script()]),
            "TN:\nSF:rules/invoices/10-a.rhai\nBRDA:2,0,0,0\nBRDA:2,0,1,3\nBRDA:6,0,2,3\nBRDA:6,0,3,0\nBRF:4\nBRH:2\n\
             DA:2,3\nDA:3,0\nDA:5,0\nDA:6,3\nDA:8,0\nLF:5\nLH:2\nend_of_record\n"
        );
    }
}
