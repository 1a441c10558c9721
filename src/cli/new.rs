//! `postroom new`: a good start for a project, a rule, a fixture. Nothing that is there is written over.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::replay::load_rules;
use super::{Exit, read_config, say, tell};
use crate::config::{Config, MailboxConfig};
use crate::daemon::fixtures_dir;
use crate::ids::MailboxName;
use crate::mail::Message;
use crate::replay::{Accepted, Case, EXPECTATION_SUFFIX, Jobs, MESSAGE_BYTES_MAX, Rehearsal, try_cases};

/// What to begin.
#[derive(Debug, clap::Args)]
pub struct NewArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write a configuration for one mailbox, and its empty folders.
    Project {
        /// The address of the mailbox.
        #[arg(long, value_name = "ADDRESS")]
        address: String,
    },
    /// Write a rule to begin with.
    Rule {
        /// What it is about: `supplier-invoices`, or with its number `30-supplier-invoices`.
        name: String,
        /// The mailbox whose rule it is.
        #[arg(long, value_name = "NAME")]
        mailbox: String,
        /// A mail that it is for.
        #[arg(long, value_name = "FILE.eml")]
        like: Option<PathBuf>,
    },
    /// Keep a mail as a fixture, and write down what comes of it now.
    Fixture {
        /// The mail.
        #[arg(value_name = "FILE.eml")]
        mail: PathBuf,
        /// The mailbox whose rules decide.
        #[arg(long, value_name = "NAME")]
        mailbox: String,
        /// Its name in the folder; without it, that of the file.
        #[arg(long)]
        name: Option<String>,
    },
}

pub(super) fn run(args: &NewArgs, config: &Path) -> anyhow::Result<Exit> {
    match &args.what {
        What::Project { address } => project(address, config),
        What::Rule { name, mailbox, like } => rule(name, mailbox, like.as_deref(), &read_config(config)?),
        What::Fixture { mail, mailbox, name } => fixture(mail, mailbox, name.as_deref(), &read_config(config)?),
    }
}

fn project(address: &str, config: &Path) -> anyhow::Result<Exit> {
    let address = address.trim();
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "._+-@".contains(sign);
    let local = address.split_once('@').filter(|(local, domain)| !local.is_empty() && domain.contains('.'));
    let (local, domain) = local
        .filter(|_| address.chars().all(plain) && address.matches('@').count() == 1)
        .with_context(|| format!("`{address}` is not an address; write it like invoices@contoso.com"))?;
    let name = slug(local);
    anyhow::ensure!(!name.is_empty(), "`{address}` gives the mailbox no name; begin with an address like invoices@contoso.com");
    let dir = config.parent().unwrap_or(Path::new(""));
    write_new(config, &configuration(address, domain, &name))?;
    for folder in ["rules", "fixtures"].map(|folder| dir.join(folder).join(&name)) {
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        say(&format!("made  {}/", folder.display()));
    }
    tell(&format!("Next: `postroom new rule NAME --mailbox {name}` writes a rule to begin with."));
    Ok(Exit::Done)
}

fn configuration(address: &str, domain: &str, name: &str) -> String {
    format!(
        "# Postroom's configuration. Paths are relative to this file; secrets are never written here.\n\
         # `postroom check` reads it and all that it names.\n\n\
         [tenant]\n\
         id = \"{domain}\"\n\
         client_id = \"00000000-0000-0000-0000-000000000000\"  # the application's id in Entra ID; needed by `postroom run` only\n\
         client_secret = {{ env = \"POSTROOM_CLIENT_SECRET\" }}\n\n\
         [mailbox.{name}]\n\
         address = \"{address}\"\n\
         rules = \"rules/{name}\"\n\
         create_folders = true                               # a rule may move mail to a folder that is not there yet\n\n\
         # Where `post(\"erp\", …)` in a rule sends its records.\n\
         [endpoint.erp]\n\
         url = \"https://erp.{domain}/api/{name}\"\n\
         idempotent = \"24h\"                                  # how long it knows a key again; leave it out if it does not\n"
    )
}

fn rule(name: &str, mailbox: &str, like: Option<&Path>, config: &Config) -> anyhow::Result<Exit> {
    let settings = of(config, mailbox)?;
    let (number, rest) = match name.split_once('-') {
        Some((number, rest)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => (Some(number), rest),
        _ => (None, name),
    };
    let about = slug(rest.trim_end_matches(".rhai"));
    anyhow::ensure!(!about.is_empty(), "`{name}` is no name for a rule; write it like supplier-invoices");
    let number = number.map_or_else(|| next_number(&settings.rules), str::to_owned);
    let words = about.replace('-', " ");
    let when = match like {
        Some(path) => conditions(&read_mail(path)?, &words),
        None => format!("mail.subject.like(\"*{words}*\")"),
    };
    let mut title: String = words.chars().take(1).flat_map(char::to_uppercase).collect();
    title.extend(words.chars().skip(1));
    let path = settings.rules.join(format!("{number}-{about}.rhai"));
    write_new(&path, &start_of_rule(&title, &when))?;
    tell(&format!("Next: `postroom plan MAIL.eml --mailbox {mailbox}` shows what it would do with a mail."));
    Ok(Exit::Done)
}

fn start_of_rule(title: &str, when: &str) -> String {
    format!(
        "//! {title}: say here in a line what this rule is for.\n\n\
         // Which mail is it for? `postroom docs` lists what a mail can be asked.\n\
         fn when(mail) {{\n    {when}\n}}\n\n\
         // What shall be done? Nothing happens before all rules have run; then it is done in this order.\n\
         fn then(mail) {{\n    categorise(\"{title}\");\n}}\n"
    )
}

/// What a mail like this one has: its sender's domain, its subject without numbers.
fn conditions(message: &Message, words: &str) -> String {
    let envelope = &message.envelope;
    let mut found = Vec::new();
    if let Some(from) = &envelope.from
        && !from.domain().is_empty()
    {
        found.push(format!("mail.is_from(\"{}\")", from.domain().to_lowercase().replace(['"', '\\'], "")));
    }
    let mut subject = String::new();
    for sign in envelope.subject.as_deref().unwrap_or_default().chars().take(80) {
        let is_fixed = !sign.is_ascii_digit() && !sign.is_control() && !"\"\\*?".contains(sign);
        match sign {
            sign if is_fixed => subject.push(sign),
            _ if !subject.ends_with('*') => subject.push('*'),
            _ => {}
        }
    }
    if subject.chars().any(char::is_alphabetic) {
        found.push(format!("mail.subject.like(\"{subject}\")"));
    }
    if found.is_empty() {
        found.push(format!("mail.subject.like(\"*{words}*\")"));
    }
    found.join("\n        && ")
}

/// Ten more than the last rule has.
fn next_number(dir: &Path) -> String {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let number = |name: &str| name.split_once('-')?.0.parse::<u32>().ok();
    let last = names.filter_map(|name| number(name.to_str()?)).max().unwrap_or(0);
    (last / 10 + 1).saturating_mul(10).to_string()
}

fn fixture(mail: &Path, mailbox: &str, name: Option<&str>, config: &Config) -> anyhow::Result<Exit> {
    of(config, mailbox)?;
    let extension = mail.extension().and_then(|extension| extension.to_str()).unwrap_or("eml").to_lowercase();
    let stem = name.or_else(|| mail.file_stem()?.to_str()).unwrap_or_default();
    let name = slug(stem.trim_end_matches(".eml"));
    anyhow::ensure!(!name.is_empty(), "give it a name: --name acme-invoice");
    let bytes = read_bytes(mail)?;
    let dir = fixtures_dir(config, &MailboxName::new(mailbox));
    let kept = dir.join(format!("{name}.{extension}"));
    write_new_bytes(&kept, &bytes)?;
    let rules = match load_rules(config, mailbox, None) {
        Ok(rules) => rules,
        Err(problem) => {
            tell(&format!("{problem:#}"));
            tell("The mail is kept; correct the rules, then `postroom test --accept` writes down what must come of it.");
            return Ok(Exit::No);
        }
    };
    let case = Case {
        name: format!("{name}.{extension}"),
        mail: kept.clone(),
        expectation: dir.join(format!("{name}{EXPECTATION_SUFFIX}")),
    };
    let mut accepted = None;
    let tried =
        try_cases(&Rehearsal::new(&rules), vec![case.clone()], Jobs::all_cores(), |tried| accepted = Some(tried.accept()));
    tried.context("the mail cannot be worked on")?;
    if let Some(Accepted::Refused(reason)) = accepted {
        tell(&format!("What comes of it cannot be expected: {reason}"));
        return Ok(Exit::No);
    }
    say(&format!("wrote {}", case.expectation.display()));
    tell("Read it: it says what the rules do now. Correct what shall be otherwise; `postroom test` compares from now on.");
    tell("The mail is kept as it is: take out what nobody else shall read.");
    Ok(Exit::Done)
}

fn of<'c>(config: &'c Config, mailbox: &str) -> anyhow::Result<&'c MailboxConfig> {
    config.mailboxes.get(&MailboxName::new(mailbox)).with_context(|| {
        let known: Vec<&str> = config.mailboxes.keys().map(MailboxName::as_str).collect();
        format!("there is no mailbox `{mailbox}` in {}; there are: {}", config.file.display(), known.join(", "))
    })
}

fn read_mail(path: &Path) -> anyhow::Result<Message> {
    Ok(Message::from_raw(read_bytes(path)?, &path.display().to_string()))
}

fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
    anyhow::ensure!(size.is_file(), "{} is not a file", path.display());
    anyhow::ensure!(size.len() <= MESSAGE_BYTES_MAX as u64, "{} is larger than a mail can be", path.display());
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Small letters, digits and hyphens.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for sign in text.chars().flat_map(char::to_lowercase).take(80) {
        match sign {
            sign if sign.is_ascii_alphanumeric() => slug.push(sign),
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.trim_end_matches('-').to_owned()
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    write_new_bytes(path, text.as_bytes())
}

/// Writes a file that is not there yet.
fn write_new_bytes(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    if opened.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::AlreadyExists) {
        anyhow::bail!("{} is there already; nothing is written over it", path.display());
    }
    opened.and_then(|mut file| file.write_all(bytes)).with_context(|| format!("{} cannot be written", path.display()))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_gives_the_conditions_of_its_rule() {
        let raw = b"From: AR <ar@Fabrikam.com>\r\nSubject: Invoice 4711-12 \"June\"\r\n\r\nx".to_vec();
        let message = Message::from_raw(raw, "a.eml");
        assert_eq!(
            conditions(&message, "x"),
            "mail.is_from(\"fabrikam.com\")\n        && mail.subject.like(\"Invoice *-* *June*\")"
        );
        let empty = Message::from_raw(b"To: a@b.example\r\n\r\n".to_vec(), "a.eml");
        assert_eq!(conditions(&empty, "bills"), "mail.subject.like(\"*bills*\")");
    }

    #[test]
    fn names_of_files_are_plain() {
        assert_eq!(slug("  Rechnungen für Müller & Söhne! "), "rechnungen-fuer-mueller-soehne");
        assert_eq!(slug("../../x"), "x");
        assert_eq!(slug("日本"), "");
    }
}
