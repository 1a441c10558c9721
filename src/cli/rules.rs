//! `postroom rules`: the versions of a mailbox's rules, what differs between them, the way back, and what rules in the shadow would do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use similar::TextDiff;

use super::ask::{Said, YES_NO, ask, is_somebody_there};
use super::replay::{compiled, require_mailbox};
use super::table::table;
use super::{Exit, impact, say, tell};
use crate::clock::{Clock, from_ms};
use crate::config::{Config, MailboxConfig};
use crate::ids::{MailboxName, RuleSetHash};
use crate::journal::{Journal, Version};
use crate::mail::one_line;
use crate::replay::Line;
use crate::rules::RuleFiles;

/// What to do with them.
#[derive(Debug, clap::Args)]
pub struct RulesArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the versions that were live: when, by whom, why, and how many messages they decided.
    History {
        /// The mailbox.
        #[arg(long, value_name = "NAME")]
        mailbox: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what differs between two versions; without any, between what is live and the rules folder.
    Diff {
        /// The first: a version as `history` shows it [default: the live one].
        from: Option<String>,
        /// The second: a version [default: what lies in the rules folder].
        to: Option<String>,
        /// The mailbox.
        #[arg(long, value_name = "NAME")]
        mailbox: String,
    },
    /// Write an earlier version back into the rules folder, after showing what would change.
    Rollback {
        /// The version as `history` shows it.
        version: String,
        /// The mailbox.
        #[arg(long, value_name = "NAME")]
        mailbox: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Show what the rules in the shadow (`shadow = "DIR"` in the configuration) would have done differently.
    Shadow {
        /// The mailbox.
        #[arg(long, value_name = "NAME")]
        mailbox: String,
        /// Messages that are shown.
        #[arg(long, value_name = "N", default_value_t = 20)]
        show: u32,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// For whom the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    People,
    Json,
}

/// Whether a person has to agree first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    Asked,
    Given,
}

pub(super) fn run(args: &RulesArgs, config: &Config) -> anyhow::Result<Exit> {
    super::runtime()?.block_on(async {
        let journal = Journal::open_existing(&config.state, Clock::system())?;
        let format = |json| if json { Format::Json } else { Format::People };
        let done = match &args.what {
            What::History { mailbox, json } => history(&journal, config, mailbox, format(*json)).await,
            What::Diff { from, to, mailbox } => diff(&journal, config, mailbox, (from.as_deref(), to.as_deref())).await,
            What::Rollback { version, mailbox, yes } => {
                rollback(&journal, config, mailbox, (version, if *yes { Consent::Given } else { Consent::Asked })).await
            }
            What::Shadow { mailbox, show, json } => shadow(&journal, config, mailbox, (*show, format(*json))).await,
        };
        journal.close().await;
        done
    })
}

fn mailbox<'c>(config: &'c Config, name: &str) -> anyhow::Result<(MailboxName, &'c MailboxConfig)> {
    let name = MailboxName::new(name);
    let settings = require_mailbox(config, &name)?;
    Ok((name, settings))
}

async fn history(journal: &Journal, config: &Config, name: &str, format: Format) -> anyhow::Result<Exit> {
    let (name, settings) = mailbox(config, name)?;
    let versions = journal.versions(&name).await?;
    if format == Format::Json {
        say(&serde_json::to_string_pretty(&versions)?);
        return Ok(Exit::Done);
    }
    let mut rows = vec![["Version", "Live from", "By", "Messages", "Why"].map(str::to_owned).to_vec()];
    for (number, version) in versions.iter().enumerate() {
        let mark = if number == 0 { " live" } else { "" };
        rows.push(vec![
            format!("{}{mark}", version.rule_set.short()),
            from_ms(version.at).to_zoned(settings.time_zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
            version.origin.author.clone().unwrap_or_default(),
            version.messages.to_string(),
            version.origin.reason.clone().unwrap_or_else(|| "not committed".to_owned()),
        ]);
    }
    say(&table(&rows, &[14, 16, 24, 8, 80]));
    let there = RuleFiles::read(&settings.rules).map(|files| files.hash()).ok();
    match (versions.first(), there) {
        (None, _) => tell("The rules of this mailbox were never live; `postroom run` starts their history."),
        (Some(live), Some(there)) if live.rule_set != there => {
            tell(&format!("In {} lies another version, {}, that is not live.", settings.rules.display(), there.short()));
        }
        _ => {}
    }
    Ok(Exit::Done)
}

/// A version's files, and how it is named to people.
struct Files {
    name: String,
    files: BTreeMap<String, String>,
}

fn in_folder(dir: &Path) -> anyhow::Result<(RuleFiles, Files)> {
    let read = RuleFiles::read(dir).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let text = |(path, bytes): (&String, &Vec<u8>)| (path.clone(), String::from_utf8_lossy(bytes).into_owned());
    let files = read.files.iter().map(text).collect();
    let name = format!("{} ({})", dir.display(), read.hash().short());
    Ok((read, Files { name, files }))
}

/// The kept version whose hash begins so.
async fn kept(journal: &Journal, mailbox: &MailboxName, prefix: &str) -> anyhow::Result<(RuleSetHash, Files)> {
    let versions = journal.versions(mailbox).await?;
    let prefix = prefix.to_lowercase();
    let mut found: Vec<&Version> = versions.iter().filter(|version| version.rule_set.as_str().starts_with(&prefix)).collect();
    found.dedup_by(|a, b| a.rule_set == b.rule_set);
    let first = found.first().filter(|_| prefix.len() >= 4);
    let version = first.with_context(|| {
        format!("`{prefix}` is no version of {mailbox}; name one by at least four digits, as `postroom rules history` shows it")
    })?;
    anyhow::ensure!(
        found.iter().all(|other| other.rule_set == version.rule_set),
        "`{prefix}` is the beginning of several versions; name it by more digits"
    );
    let files = journal.rule_set(&version.rule_set).await?;
    Ok((version.rule_set.clone(), Files { name: format!("version {}", version.rule_set.short()), files }))
}

async fn diff(journal: &Journal, config: &Config, name: &str, (from, to): (Option<&str>, Option<&str>)) -> anyhow::Result<Exit> {
    let (name, settings) = mailbox(config, name)?;
    let from = if let Some(from) = from {
        kept(journal, &name, from).await?.1
    } else {
        let live = journal.live_version(&name).await?;
        let live = live.context("the rules of this mailbox were never live; there is nothing to compare with")?;
        Files { name: format!("live {}", live.short()), files: journal.rule_set(&live).await? }
    };
    let to = match to {
        Some(to) => kept(journal, &name, to).await?.1,
        None => in_folder(&settings.rules)?.1,
    };
    let text = differences(&from, &to);
    if text.is_empty() {
        tell(&format!("{} and {} are the same.", from.name, to.name));
    } else {
        say(text.trim_end());
    }
    Ok(Exit::Done)
}

/// Every file that differs, as a unified diff.
fn differences(from: &Files, to: &Files) -> String {
    let mut paths: Vec<&String> = from.files.keys().chain(to.files.keys()).collect();
    paths.sort();
    paths.dedup();
    let mut text = String::new();
    for path in paths {
        let (old, new) = (from.files.get(path), to.files.get(path));
        if old == new {
            continue;
        }
        let side = |files: &Files, there: bool| if there { format!("{}/{path}", files.name) } else { "not there".to_owned() };
        let (before, after) = (side(from, old.is_some()), side(to, new.is_some()));
        let empty = String::new();
        let diff = TextDiff::from_lines(old.unwrap_or(&empty).as_str(), new.unwrap_or(&empty).as_str());
        text.push_str(&diff.unified_diff().context_radius(3).header(&before, &after).missing_newline_hint(false).to_string());
        text.push('\n');
    }
    text.chars().map(|letter| if letter.is_control() && letter != '\n' && letter != '\t' { ' ' } else { letter }).collect()
}

async fn rollback(journal: &Journal, config: &Config, name: &str, (version, consent): (&str, Consent)) -> anyhow::Result<Exit> {
    let (name, settings) = mailbox(config, name)?;
    let dir = settings.rules.as_path();
    let (hash, old) = kept(journal, &name, version).await?;
    let (read, now) = in_folder(dir)?;
    if read.hash() == hash {
        tell(&format!("{} holds {} already.", dir.display(), old.name));
        return Ok(Exit::Done);
    }
    let files = old.files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    compiled(config, &name, (RuleFiles::from_files(files), dir))
        .context("that version would be refused now: what it names is not there any more")?;
    say(differences(&now, &old).trim_end());
    if consent == Consent::Asked {
        if !is_somebody_there() {
            tell("Nothing was written: there is no terminal to ask at. With --yes it is written without asking.");
            return Ok(Exit::Usage);
        }
        if ask(&format!("Write {} into {}?", old.name, dir.display()), &YES_NO)? != Said::Yes {
            tell("Nothing was written.");
            return Ok(Exit::No);
        }
    }
    // What lies there now can be had back: it is kept like everything that was live.
    journal.keep_rule_set(&read.hash(), &now.files).await?;
    write_back(dir, &read, &old)?;
    let written = RuleFiles::read(dir).map_err(|fault| anyhow::anyhow!("{fault}"))?.hash();
    if written == hash {
        tell(&format!("{} is in {} again; a running engine takes it up once its fixtures pass.", old.name, dir.display()));
    } else {
        tell(&format!(
            "The files of {} are in {} again. The folder beside it now shares files that this version did not have, so it is {}.",
            old.name,
            dir.display(),
            written.short()
        ));
    }
    Ok(Exit::Done)
}

/// Makes the folder hold a version. Files that are shared with other mailboxes stay: where they differ, the version's go into the
/// mailbox's own folder, which comes first.
fn write_back(dir: &Path, now: &RuleFiles, old: &Files) -> anyhow::Result<()> {
    for (path, text) in &old.files {
        if now.files.get(path).is_none_or(|bytes| bytes.as_slice() != text.as_bytes()) {
            write_whole(&dir.join(path), text.as_bytes())?;
        }
    }
    for path in now.files.keys().filter(|path| !old.files.contains_key(*path) && !now.shared.contains(*path)) {
        let path = dir.join(path);
        std::fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
    }
    Ok(())
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(cannot)?;
    }
    // A name that begins with a dot is no rule, whoever looks meanwhile.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside: PathBuf = path.with_file_name(format!(".{name}.new"));
    std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path)).with_context(cannot)
}

async fn shadow(journal: &Journal, config: &Config, name: &str, (show, format): (u32, Format)) -> anyhow::Result<Exit> {
    let (name, settings) = mailbox(config, name)?;
    let dir = settings
        .shadow
        .as_ref()
        .with_context(|| format!("{name} has no rules in the shadow; set `shadow = \"DIR\"` in its part of the configuration"))?;
    let hash = RuleFiles::read(dir).map_err(|fault| anyhow::anyhow!("{fault}"))?.hash();
    let counts = journal.shadow_counts(&name, &hash).await?;
    let lines = journal.shadow_differences(&name, &hash, show).await?;
    if format == Format::Json {
        let messages: Vec<serde_json::Value> = lines
            .iter()
            .map(|line| {
                let sides: serde_json::Value = serde_json::from_str(&line.shadowed.lines).unwrap_or_default();
                serde_json::json!({
                    "message": line.row.0, "subject": line.subject, "from": line.sender, "at": line.at, "change": line.shadowed.change,
                    "live": line.shadowed.live, "lines": sides,
                })
            })
            .collect();
        let counts: BTreeMap<String, i64> = counts.into_iter().collect();
        let report = serde_json::json!({ "mailbox": name, "shadow": hash, "counts": counts, "messages": messages });
        say(&serde_json::to_string_pretty(&report)?);
        return Ok(Exit::Done);
    }
    if counts.is_empty() {
        tell(&format!(
            "{} ({}) has not been compared with anything yet; it decides beside the live rules while `postroom run` works.",
            dir.display(),
            hash.short()
        ));
        return Ok(Exit::Done);
    }
    say(&format!("{name}: {} in the shadow, {}", hash.short(), dir.display()));
    for (change, count) in &counts {
        say(&format!("{count:>7}  {change}"));
    }
    for line in lines {
        let sides: Vec<Line> = serde_json::from_str(&line.shadowed.lines).unwrap_or_default();
        let (subject, sender) = (one_line(&line.subject), one_line(&line.sender));
        say(&format!("\n{}: message {}  {subject}  {sender}", line.shadowed.change, line.row.0));
        for row in impact::rows(&sides) {
            say(&row);
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn files(name: &str, files: &[(&str, &str)]) -> Files {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Files { name: name.to_owned(), files }
    }

    #[test]
    fn a_version_comes_back_into_its_folder_and_what_others_share_stays() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("invoices");
        for (path, text) in [("invoices/10-a.rhai", "new"), ("invoices/20-b.rhai", "added"), ("lib/money.rhai", "shared, new")] {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let now = RuleFiles::read(&dir).unwrap();
        let old = files("version 1", &[("10-a.rhai", "old"), ("lib/money.rhai", "shared, old"), ("templates/a.html", "gone")]);
        write_back(&dir, &now, &old).unwrap();
        let back = in_folder(&dir).unwrap().1;
        assert_eq!(back.files, old.files);
        assert_eq!(std::fs::read_to_string(place.path().join("lib/money.rhai")).unwrap(), "shared, new");
    }

    #[test]
    fn a_difference_names_the_files_of_both_sides() {
        let (old, new) =
            (files("live 1", &[("10-a.rhai", "a\nb\n")]), files("rules", &[("10-a.rhai", "a\nc\n"), ("20-b.rhai", "d\n")]));
        assert_eq!(
            differences(&old, &new),
            "--- live 1/10-a.rhai\n+++ rules/10-a.rhai\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\n\
             --- not there\n+++ rules/20-b.rhai\n@@ -0,0 +1 @@\n+d\n\n"
        );
        assert_eq!(differences(&old, &old), "");
    }
}
