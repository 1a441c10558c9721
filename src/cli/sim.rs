//! `postroom sim`: the simulated tenant alone.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{Exit, say};
use crate::clock::Clock;
use crate::simulator::{Access, Granted, Limits, MailboxSeed, Options, Registered, Simulator, Tape, Webhooks};

/// Which tenant.
#[derive(Debug, clap::Args)]
pub struct SimArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// A mailbox, and a folder of .eml files that it begins with.
    #[arg(long = "mailbox", required = true, value_name = "ADDRESS[=DIR]")]
    mailboxes: Vec<String>,
    /// What ids are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The only client that is let in; without it any is.
    #[arg(long, value_name = "ID:SECRET")]
    client: Option<String>,
    /// A certificate (PEM) that a client may sign in with; with one, other assertions are refused.
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,
    /// How long a sent draft stays in Drafts, in milliseconds.
    #[arg(long, default_value_t = 300, value_name = "MS")]
    sent_delay: u64,
    /// How long notifications are gathered before they go out, in milliseconds.
    #[arg(long, default_value_t = 50, value_name = "MS")]
    gather: u64,
    /// Where to listen for https as well, for clients that speak nothing else; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", requires = "authority")]
    tls: Option<SocketAddr>,
    /// Where to write the certificate that those clients have to trust (PEM); a new one at each start.
    #[arg(long, value_name = "FILE", requires = "tls")]
    authority: Option<PathBuf>,
    /// Where to write every Graph call and its answer, a line of JSON each; contents of mail are in it.
    #[arg(long, value_name = "FILE")]
    tape: Option<PathBuf>,
    /// The permissions of the application; without it those that the engine and a person who looks around need.
    #[arg(long, value_delimiter = ',', value_name = "PERMISSION,…")]
    roles: Option<Vec<String>>,
    /// Where they were granted.
    #[arg(long, value_enum, default_value_t = RolesIn::Token)]
    roles_in: RolesIn,
    /// The mailboxes that they reach; without it all do.
    #[arg(long, value_delimiter = ',', value_name = "ADDRESS,…")]
    mailboxes_allowed: Option<Vec<String>>,
    /// Take any number of calls and bytes; without it a mailbox refuses what Microsoft's does.
    #[arg(long)]
    no_limits: bool,
}

/// Where permissions were granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RolesIn {
    /// By consent: the token names them.
    Token,
    /// In Exchange: the token names none.
    Exchange,
}

pub(super) fn run(args: &SimArgs) -> anyhow::Result<Exit> {
    super::start_log();
    let mailboxes: Vec<MailboxSeed> = args.mailboxes.iter().map(|mailbox| seed_of(mailbox)).collect::<anyhow::Result<_>>()?;
    let client = match args.client.as_deref().map(|client| client.split_once(':')) {
        None => None,
        Some(Some((id, secret))) => Some((id.to_owned(), secret.to_owned())),
        Some(None) => anyhow::bail!("--client takes ID:SECRET"),
    };
    let tape = args.tape.as_deref().map(tape_at).transpose()?;
    let certificates = args.certificates.iter().map(|file| certificate(file)).collect::<anyhow::Result<_>>()?;
    let access = access(args, &mailboxes)?;
    super::runtime()?.block_on(async {
        let options = Options {
            listen: args.listen,
            listen_tls: args.tls,
            tape,
            mailboxes,
            seed: args.seed,
            client,
            registered: Registered { certificates, trusts: Vec::new() },
            sent_delay: Duration::from_millis(args.sent_delay),
            webhooks: Webhooks { gather: Duration::from_millis(args.gather), ..Webhooks::default() },
            access,
            limits: if args.no_limits { Limits::NONE } else { Limits::default() },
            ..Options::new(Clock::system())
        };
        let simulator = Simulator::start(options).await?;
        say(&format!("listening on {}", simulator.base_url()));
        if let (Some((url, certificate)), Some(file)) = (simulator.encrypted(), &args.authority) {
            std::fs::write(file, certificate).with_context(|| format!("{} cannot be written", file.display()))?;
            say(&format!("listening on {url}"));
        }
        super::run::asked_to_stop().await;
        simulator.stop().await;
        Ok(Exit::Done)
    })
}

fn tape_at(path: &Path) -> anyhow::Result<Tape> {
    let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
    let (file, path) = (Mutex::new(file), path.to_owned());
    Ok(Tape::new(move |exchange| {
        let line = format!("{exchange}\n");
        if let Err(error) = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()) {
            tracing::error!(%error, path = %path.display(), "the tape lacks a call");
        }
    }))
}

fn certificate(file: &Path) -> anyhow::Result<Vec<u8>> {
    let found = CertificateDer::from_pem_file(file);
    Ok(found.with_context(|| format!("{} holds no certificate in PEM", file.display()))?.to_vec())
}

/// What the application may do, and where.
fn access(args: &SimArgs, mailboxes: &[MailboxSeed]) -> anyhow::Result<Access> {
    let granted = if args.roles_in == RolesIn::Exchange { Granted::InExchange } else { Granted::InToken };
    let mut access = Access { granted, ..Access::default() };
    if let Some(roles) = &args.roles {
        access.roles = roles.iter().map(|role| role.trim().to_owned()).filter(|role| !role.is_empty()).collect();
    }
    access.check().map_err(|why| anyhow::anyhow!("--roles: {why}"))?;
    if let Some(allowed) = &args.mailboxes_allowed {
        let allowed: Vec<String> = allowed.iter().map(|address| address.trim().to_lowercase()).collect();
        let is_there = |address: &str| mailboxes.iter().any(|mailbox| mailbox.address.eq_ignore_ascii_case(address));
        if let Some(stranger) = allowed.iter().find(|address| !is_there(address)) {
            anyhow::bail!("--mailboxes-allowed names {stranger}, which is none of the mailboxes; name it with --mailbox too");
        }
        access.mailboxes = Some(allowed);
    }
    Ok(access)
}

fn seed_of(mailbox: &str) -> anyhow::Result<MailboxSeed> {
    let (address, mail) = match mailbox.split_once('=') {
        None => (mailbox, Vec::new()),
        Some((address, dir)) => (address, raw_mail(Path::new(dir))?),
    };
    anyhow::ensure!(address.contains('@'), "`{address}` is no mailbox address");
    Ok(MailboxSeed { address: address.to_owned(), mail })
}

/// The .eml files of a folder, in name order.
pub(super) fn raw_mail(dir: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("{} cannot be read", dir.display()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    files.iter().map(|path| std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use clap::Parser;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        sim: SimArgs,
    }

    fn read(options: &[&str]) -> Result<Access, String> {
        let line = ["sim", "--mailbox", "invoices@contoso.com"].iter().chain(options);
        let args = Line::try_parse_from(line).map_err(|error| error.to_string())?.sim;
        let mailboxes: Vec<MailboxSeed> = args.mailboxes.iter().map(|mailbox| seed_of(mailbox).unwrap()).collect();
        access(&args, &mailboxes).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_application_may_do_is_read_and_nonsense_is_refused_in_words() {
        assert_eq!(read(&[]), Ok(Access::default()));
        let wanted = Access {
            roles: vec!["Mail.Read".to_owned(), "Mail.Send".to_owned()],
            granted: Granted::InExchange,
            mailboxes: Some(vec!["invoices@contoso.com".to_owned()]),
        };
        let options =
            ["--roles", "Mail.Read, Mail.Send", "--roles-in", "exchange", "--mailboxes-allowed", "Invoices@contoso.com"];
        assert_eq!(read(&options), Ok(wanted));
        assert_eq!(read(&["--roles", ""]).map(|access| access.roles), Ok(Vec::new()));
        let refused = |options: &[&str]| read(options).unwrap_err();
        assert!(refused(&["--roles", "everything"]).starts_with("--roles: \"everything\" is no permission"));
        assert!(refused(&["--mailboxes-allowed", "x@y.example"]).contains("names x@y.example, which is none of the mailboxes"));
        assert!(refused(&["--roles-in", "paper"]).contains("[possible values: token, exchange]"));
    }
}
