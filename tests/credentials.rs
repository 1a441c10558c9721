//! Signing in to the tenant by each credential, and following a folder where there are no delta queries.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use postroom::clock::Clock;
use postroom::config::CredentialSetting;
use postroom::graph::{Changes, Credential, ErrorKind, Graph, GraphSettings, IdentityService, Kept};
use postroom::ids::FolderId;
use postroom::outgoing::Secret;
use postroom::simulator::{MailboxSeed, Options, Registered, Simulator, Trust};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::process::{Process, output, postroom};
use crate::whole::RULES;
use crate::world::{World, write};

const MAILBOX: &str = "invoices@contoso.com";
const KEY: &str = include_str!("keys/rsa.pem");

struct Certificate {
    der: Vec<u8>,
    /// With its key.
    pem: String,
}

/// A certificate for the stories' key; another serial number makes another certificate.
fn certificate(serial: u64) -> Certificate {
    let key = KeyPair::from_pem_and_sign_algo(KEY, &PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.serial_number = Some(serial.into());
    let signed = params.self_signed(&key).unwrap();
    Certificate { der: signed.der().to_vec(), pem: format!("{}{KEY}", signed.pem()) }
}

fn clock() -> Clock {
    Clock::by_hand("2026-03-02T09:00:00Z".parse::<Timestamp>().unwrap())
}

async fn tenant(clock: &Clock) -> Simulator {
    let trust = Trust {
        issuer: "https://cluster.contoso.com".into(),
        subject: "postroom".into(),
        audience: "api://AzureADTokenExchange".into(),
        certificate: certificate(2).der,
    };
    let options = Options {
        mailboxes: vec![MailboxSeed { address: MAILBOX.into(), mail: Vec::new() }],
        client: Some(("app".into(), "s3cret".into())),
        registered: Registered { certificates: vec![certificate(1).der], trusts: vec![trust] },
        ..Options::new(clock.clone())
    };
    Simulator::start(options).await.unwrap()
}

fn settings(base: &str, credential: Credential) -> GraphSettings {
    GraphSettings {
        base_url: format!("{base}/v1.0"),
        login_url: base.to_owned(),
        tenant: "contoso.onmicrosoft.com".into(),
        client_id: "app".into(),
        credential,
        changes: Changes::Delta,
        timeout: Duration::from_secs(5),
        requests_max: postroom::graph::REQUESTS_MAX,
        concurrent_max: None,
    }
}

fn secret(value: &str) -> Credential {
    Credential::Secret { secret: Kept::Given(Secret::new(value)), ends: None }
}

/// What a cluster would write into the token file.
fn federated(subject: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).unwrap();
    let claims = format!(
        r#"{{"iss":"https://cluster.contoso.com","sub":"{subject}","aud":"api://AzureADTokenExchange","exp":1772445600}}"#
    );
    let unsigned = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(claims));
    format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signer.sign(unsigned.as_bytes()).unwrap()))
}

#[tokio::test]
async fn each_credential_opens_the_mailbox() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let tenant = tenant(&clock).await;
    let token = dir.path().join("token");
    std::fs::write(&token, federated("postroom")).unwrap();
    let app = IdentityService::App { endpoint: format!("{}/msi/token", tenant.base_url()), header: Secret::new("simulated") };
    for credential in [
        secret("s3cret"),
        Credential::Certificate(Kept::Given(Secret::new(certificate(1).pem))),
        Credential::Federated(token),
        Credential::ManagedIdentity(IdentityService::Machine { host: tenant.base_url() }),
        Credential::ManagedIdentity(app),
    ] {
        let told = format!("{credential:?}");
        let graph = Graph::new(&settings(&tenant.base_url(), credential), clock.clone()).unwrap();
        let folder = graph.mailbox(MAILBOX).folder("Inbox").await;
        assert!(matches!(folder, Ok(Some(_))), "{told}: {folder:?}");
    }
    tenant.stop().await;
}

#[tokio::test]
async fn a_credential_that_the_tenant_does_not_know_says_what_to_check() {
    let (clock, dir) = (clock(), tempfile::tempdir().unwrap());
    let tenant = tenant(&clock).await;
    let token = dir.path().join("token");
    std::fs::write(&token, federated("somebody")).unwrap();
    let own = Credential::Certificate(Kept::Given(Secret::new(certificate(1).pem)));
    let check = "check the credential under [tenant] (has it ended, is it the application's?) and this machine's clock";
    for (credential, number) in [
        (secret("wrong"), "AADSTS7000215"),
        (Credential::Certificate(Kept::Given(Secret::new(certificate(9).pem))), "AADSTS700027"),
        (Credential::Federated(token), "AADSTS700213"),
    ] {
        let graph = Graph::new(&settings(&tenant.base_url(), credential), clock.clone()).unwrap();
        let error = graph.sign_in().await.unwrap_err();
        assert_eq!((error.kind, error.status, error.code.as_deref()), (ErrorKind::SignIn, Some(401), Some("invalid_client")));
        let told = error.to_string();
        assert!(told.contains(number) && told.ends_with(check), "{told}");
    }
    let other = GraphSettings { client_id: "other".into(), ..settings(&tenant.base_url(), own) };
    let told = Graph::new(&other, clock.clone()).unwrap().sign_in().await.unwrap_err().to_string();
    let check = "check id and client_id under [tenant]; the application must be enabled in this tenant";
    assert!(told.contains("400 unauthorized_client: AADSTS700016") && told.ends_with(check), "{told}");
    tenant.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_does_not_keep_a_certificate_from_signing_in() {
    let tenant = tenant(&clock()).await;
    for wrong in ["2026-03-02T09:10:00Z", "2026-03-02T08:00:00Z", "2030-01-01T00:00:00Z"] {
        let credential = Credential::Certificate(Kept::Given(Secret::new(certificate(1).pem)));
        let clock = Clock::by_hand(wrong.parse::<Timestamp>().unwrap());
        let graph = Graph::new(&settings(&tenant.base_url(), credential), clock).unwrap();
        assert!(matches!(graph.mailbox(MAILBOX).folder("Inbox").await, Ok(Some(_))), "{wrong}");
    }
    tenant.stop().await;
}

#[tokio::test]
async fn a_policy_that_wants_another_token_gets_one_and_no_third() {
    let clock = clock();
    let tenant = tenant(&clock).await;
    let mailbox = Graph::new(&settings(&tenant.base_url(), secret("s3cret")), clock).unwrap().mailbox(MAILBOX);
    let challenge = |times: u32| serde_json::json!({ "on": "folder", "fault": "401_claims", "times": times });
    tenant.script(&challenge(1)).unwrap();
    assert!(matches!(mailbox.folder("Inbox").await, Ok(Some(_))));
    tenant.script(&challenge(2)).unwrap();
    let error = mailbox.folder("Archive").await.unwrap_err();
    assert_eq!((error.code.as_deref(), error.is_configuration()), (Some("insufficient_claims"), true));
    assert!(matches!(mailbox.folder("Archive").await, Ok(Some(_))));
    tenant.stop().await;
}

fn mail(number: usize) -> Vec<u8> {
    format!(
        "From: Ana <ana@fabrikam.com>\r\nTo: {MAILBOX}\r\nSubject: {number}\r\nMessage-ID: <{number}@fabrikam.com>\r\n\r\nHello.\r\n"
    )
    .into_bytes()
}

/// Subjects, page by page, from the cursor to the end of a round.
async fn round(graph: &Graph, folder: &FolderId, cursor: &mut Option<String>) -> Vec<Vec<usize>> {
    let mut pages = Vec::new();
    loop {
        let page = graph.mailbox(MAILBOX).delta_page(folder, "Inbox", cursor.as_deref()).await.unwrap();
        pages.push(page.envelopes.iter().map(|envelope| envelope.subject.as_ref().unwrap().parse().unwrap()).collect());
        *cursor = Some(page.next);
        if !page.more {
            return pages;
        }
    }
}

#[tokio::test]
async fn without_delta_queries_a_folder_is_followed_by_listing_what_was_received() {
    let clock = clock();
    let tenant = tenant(&clock).await;
    let graph =
        Graph::new(&GraphSettings { changes: Changes::Listing, ..settings(&tenant.base_url(), secret("s3cret")) }, clock.clone())
            .unwrap();
    let mailbox = graph.mailbox(MAILBOX);
    let (folder, archive) = (mailbox.folder("Inbox").await.unwrap().unwrap(), mailbox.folder("Archive").await.unwrap().unwrap());
    // More than a page, some of it in one and the same second.
    for number in 0..250 {
        tenant.deliver(MAILBOX, &mail(number)).unwrap();
        if number >= 150 {
            clock.advance(Duration::from_secs(1));
        }
    }
    let mut cursor = None;
    let mut pages = round(&graph, &folder, &mut cursor).await;
    let mut seen: Vec<usize> = pages.concat();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..250).collect::<Vec<_>>());
    // What is worked off between two pages shifts nothing: the oldest leave, the rest is seen all the same.
    let first = mailbox.delta_page(&folder, "Inbox", None).await.unwrap();
    for envelope in &first.envelopes[..50] {
        mailbox.move_to(envelope.id.as_ref().unwrap(), &archive).await.unwrap();
    }
    pages = round(&graph, &folder, &mut Some(first.next)).await;
    let mut rest = pages.concat();
    rest.extend(first.envelopes.iter().map(|envelope| envelope.subject.as_ref().unwrap().parse::<usize>().unwrap()));
    rest.sort_unstable();
    rest.dedup();
    assert_eq!(rest, (0..250).collect::<Vec<_>>());
    // Later rounds look half an hour back, and no further however often nothing comes.
    clock.advance(Duration::from_hours(24));
    for _ in 0..3 {
        let mut again = round(&graph, &folder, &mut cursor).await.concat();
        again.sort_unstable();
        again.dedup();
        assert_eq!(again.len(), 200);
    }
    tenant.deliver(MAILBOX, &mail(999)).unwrap();
    assert!(round(&graph, &folder, &mut cursor).await.concat().contains(&999));
    assert_eq!(round(&graph, &folder, &mut cursor).await, [[999]]);
    let delta = mailbox.delta_page(&folder, "Inbox", Some("https://graph.microsoft.com/v1.0/delta")).await.unwrap_err();
    assert_eq!(delta.kind, ErrorKind::CursorLost);
    tenant.stop().await;
}

#[test]
fn check_names_a_certificate_that_cannot_sign_and_a_secret_that_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let checked = |credential: &str| {
        write(&dir.join("postroom.toml"), &format!("[tenant]\nid = \"t\"\nclient_id = \"app\"\n{credential}\n"));
        let (code, listed, _) = output(dir, &["check"]);
        (code, listed)
    };
    write(&dir.join("app.pem"), &certificate(1).pem.replace("PRIVATE", "PUBLIC"));
    let told = "postroom.toml  R050  the certificate for signing in holds no private key; write it in PEM, without a password, beside the certificate \
                in the same file; correct the configuration\n";
    assert_eq!(checked("certificate = { file = \"app.pem\" }"), (1, told.to_owned()));
    write(&dir.join("app.pem"), &certificate(1).pem);
    assert_eq!(checked("certificate = { file = \"app.pem\" }"), (0, String::new()));
    let ended = "client_secret = { env = \"POSTROOM_CLIENT_SECRET\" }\nclient_secret_ends = \"2020-01-31\"";
    let told = "postroom.toml  R450  warning: the client secret ended at 2020-02-01 00:00 UTC; make a new one in the application's registration and \
                replace it here\n";
    assert_eq!(checked(ended), (0, told.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_that_a_secret_ends() {
    let mut world = World::new(&RULES).await;
    let CredentialSetting::Secret { secret, .. } = world.config.tenant.credential.clone() else { panic!("a client secret") };
    world.config.tenant.credential = CredentialSetting::Secret { secret, ends: Some(jiff::civil::date(2020, 1, 31)) };
    world.start().await;
    world.until_page("the client secret ended at 2020-02-01 00:00 UTC").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_was_told_a_certificate_takes_no_other() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("app.pem"), &certificate(1).pem);
    let mut command = postroom(dir.path(), &["sim", "--mailbox", MAILBOX, "--certificate", "app.pem"]);
    let mut sim = Process(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(sim.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("listening on ").unwrap();
    let signs_in = async |serial| {
        let credential = Credential::Certificate(Kept::Given(Secret::new(certificate(serial).pem)));
        let graph = Graph::new(&settings(base, credential), Clock::system()).unwrap();
        graph.sign_in().await.map_err(|error| error.status)
    };
    assert_eq!((signs_in(1).await, signs_in(2).await), (Ok(()), Err(Some(401))));
}
