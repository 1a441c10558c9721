//! Signing in to the tenant by each credential, and following a folder where there are no delta queries.

use std::time::Duration;

use jiff::Timestamp;
use postroom::clock::Clock;
use postroom::graph::{Changes, Credential, ErrorKind, Graph, GraphSettings, IdentityService, Kept};
use postroom::ids::FolderId;
use postroom::outgoing::Secret;
use postroom::simulator::{MailboxSeed, Options, Registered, Simulator, Trust};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

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

fn settings(tenant: &Simulator, credential: Credential) -> GraphSettings {
    GraphSettings {
        base_url: format!("{}/v1.0", tenant.base_url()),
        login_url: tenant.base_url(),
        tenant: "contoso.onmicrosoft.com".into(),
        client_id: "app".into(),
        credential,
        changes: Changes::Delta,
        timeout: Duration::from_secs(5),
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
        let graph = Graph::new(&settings(&tenant, credential), clock.clone()).unwrap();
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
    let own = || Credential::Certificate(Kept::Given(Secret::new(certificate(1).pem)));
    let late = Clock::by_hand("2026-03-02T10:00:00Z".parse::<Timestamp>().unwrap());
    let check = "check the credential under [tenant] (has it ended, is it the application's?) and this machine's clock";
    for (credential, clock, number) in [
        (secret("wrong"), &clock, "AADSTS7000215"),
        (Credential::Certificate(Kept::Given(Secret::new(certificate(9).pem))), &clock, "AADSTS700027"),
        (own(), &late, "AADSTS700024"),
        (Credential::Federated(token), &clock, "AADSTS700213"),
    ] {
        let graph = Graph::new(&settings(&tenant, credential), clock.clone()).unwrap();
        let error = graph.sign_in().await.unwrap_err();
        assert_eq!((error.kind, error.status, error.code.as_deref()), (ErrorKind::SignIn, Some(401), Some("invalid_client")));
        let told = error.to_string();
        assert!(told.contains(number) && told.ends_with(check), "{told}");
    }
    let other = GraphSettings { client_id: "other".into(), ..settings(&tenant, own()) };
    let told = Graph::new(&other, clock.clone()).unwrap().sign_in().await.unwrap_err().to_string();
    let check = "check id and client_id under [tenant]; the application must be enabled in this tenant";
    assert!(told.contains("400 unauthorized_client: AADSTS700016") && told.ends_with(check), "{told}");
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
        Graph::new(&GraphSettings { changes: Changes::Listing, ..settings(&tenant, secret("s3cret")) }, clock.clone()).unwrap();
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
