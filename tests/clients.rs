//! Microsoft's own clients judge the simulated tenant, and what they say to each other is held against Microsoft's model.
//!
//! `tests/clients/install` installs them. Without them these stories say so and are left out; where `POSTROOM_CLIENTS=required`, as
//! in CI, they fail instead.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::graph::{Side, problems};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `postroom sim` with its https door and a tape.
struct Sim {
    process: Child,
    url: String,
    dir: tempfile::TempDir,
}

impl Sim {
    /// Lets in who knows the secret of the scripts, or signs with this certificate.
    fn start(dir: tempfile::TempDir, certificate: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_postroom"))
            .args(["sim", "--mailbox", "invoices@contoso.com", "--mailbox", "support@contoso.com", "--tls", "127.0.0.1:0"])
            .args(["--client", "00000000-0000-0000-0000-00000000c11e:a secret"])
            .arg("--certificate")
            .arg(certificate)
            .arg("--authority")
            .arg(dir.path().join("authority.pem"))
            .arg("--tape")
            .arg(dir.path().join("tape.jsonl"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines
            .map(Result::unwrap)
            .find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()).filter(|url| url.starts_with("https")));
        Self { process, url: url.unwrap(), dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether the clients are installed; ends the story where they must be.
fn installed(program: &Path) -> bool {
    let is_there = program.exists();
    let is_required = std::env::var_os("POSTROOM_CLIENTS").is_some_and(|value| value == "required");
    assert!(is_there || !is_required, "{} is missing: run tests/clients/install", program.display());
    if !is_there {
        eprintln!("left out: Microsoft's clients are not installed; tests/clients/install does it");
    }
    is_there
}

fn run(program: &Path, arguments: &[&OsStr], authority: &Path) -> String {
    let output =
        Command::new(program).args(arguments).env("NODE_EXTRA_CA_CERTS", authority).current_dir(root()).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} {}", program.display(), told);
    told
}

fn judged(script: &str, steps: usize) {
    let python = root().join("target/clients/python/bin/python");
    let (program, modules) = match Path::new(script).extension() {
        Some(extension) if extension == "mjs" => (PathBuf::from("node"), root().join("target/clients/node/node_modules")),
        _ => (python.clone(), python.clone()),
    };
    if !installed(&python) || !installed(&modules) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let certificate = dir.path().join("certificate.pem");
    run(&python, &["tests/clients/certificate.py".as_ref(), certificate.as_os_str()], &certificate);
    let sim = Sim::start(dir, &certificate);
    let authority = sim.file("authority.pem");
    let told = run(&program, &[script.as_ref(), sim.url.as_ref(), authority.as_os_str(), certificate.as_os_str()], &authority);
    eprintln!("{script}\n{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("ok  ")).count(), steps, "{told}");

    let tape = std::fs::read_to_string(sim.file("tape.jsonl")).unwrap();
    let exchanges: Vec<Value> = tape.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wrong: Vec<String> = exchanges.iter().flat_map(|exchange| problems(exchange, Side::Both)).collect();
    assert!(exchanges.len() > 60, "{} calls", exchanges.len());
    assert_eq!(wrong, Vec::<String>::new(), "not as Microsoft's model has it");
}

#[test]
fn microsofts_python_clients_find_the_tenant_as_they_expect_it() {
    judged("tests/clients/graph_sdk.py", 15);
}

#[test]
fn microsofts_javascript_clients_find_the_tenant_as_they_expect_it() {
    judged("tests/clients/graph_client.mjs", 15);
}
