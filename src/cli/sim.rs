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
use crate::simulator::{MailboxSeed, Options, Registered, Simulator, Tape};

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
    /// Where to listen for https as well, for clients that speak nothing else; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", requires = "authority")]
    tls: Option<SocketAddr>,
    /// Where to write the certificate that those clients have to trust (PEM); a new one at each start.
    #[arg(long, value_name = "FILE", requires = "tls")]
    authority: Option<PathBuf>,
    /// Where to write every Graph call and its answer, a line of JSON each; contents of mail are in it.
    #[arg(long, value_name = "FILE")]
    tape: Option<PathBuf>,
}

pub(super) fn run(args: &SimArgs) -> anyhow::Result<Exit> {
    super::start_log();
    let mailboxes = args.mailboxes.iter().map(|mailbox| seed_of(mailbox)).collect::<anyhow::Result<_>>()?;
    let client = match args.client.as_deref().map(|client| client.split_once(':')) {
        None => None,
        Some(Some((id, secret))) => Some((id.to_owned(), secret.to_owned())),
        Some(None) => anyhow::bail!("--client takes ID:SECRET"),
    };
    let tape = args.tape.as_deref().map(tape_at).transpose()?;
    let certificates = args.certificates.iter().map(|file| certificate(file)).collect::<anyhow::Result<_>>()?;
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
