//! How we prove who we are: what goes out for each credential, and what is told of its end.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use super::*;

const KEY: &str = include_str!("../../../tests/keys/rsa.pem");

/// A certificate for the stories' key, good until 2027-01-31.
pub(in crate::graph) fn certificate() -> String {
    let key = KeyPair::from_pem_and_sign_algo(KEY, &PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "postroom");
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 31));
    params.self_signed(&key).unwrap().pem()
}

fn graph(service: &Scripted, credential: Credential, clock: &Clock) -> Graph {
    Graph::new(&GraphSettings { credential, ..settings(&service.base) }, clock.clone()).unwrap()
}

fn at(time: &str) -> Clock {
    Clock::by_hand(time.parse().unwrap())
}

/// The fields of a form.
fn form(body: &str) -> Vec<(String, String)> {
    Url::parse(&format!("http://x/?{body}")).unwrap().query_pairs().into_owned().collect()
}

fn field(body: &str, name: &str) -> String {
    form(body).into_iter().find(|(own, _)| own == name).unwrap().1
}

fn part(jwt: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_that_holds_ten_minutes() {
    let service = Scripted::start(vec![Reply::token("token-1")]).await;
    let pem = format!("{KEY}{}", certificate());
    let graph = graph(&service, Credential::Certificate(Kept::Given(Secret::new(pem))), &at("2026-03-01T00:00:00Z"));
    graph.sign_in().await.unwrap();
    let body = service.requests()[0].body.clone();
    let names: Vec<_> = form(&body).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["client_id", "client_assertion_type", "client_assertion", "grant_type", "scope", "claims"]);
    assert_eq!(field(&body, "client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let assertion = field(&body, "client_assertion");
    let der = CertificateDer::from_pem_slice(certificate().as_bytes()).unwrap();
    let header = part(&assertion, 0);
    assert_eq!(header, json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(Sha256::digest(&der)) }));
    let claims = part(&assertion, 1);
    let jti = claims["jti"].clone();
    assert_eq!(jti.as_str().map(str::len), Some(36));
    let expected = json!({
        "aud": format!("{}/contoso.onmicrosoft.com/oauth2/v2.0/token", service.base), "iss": "postroom", "sub": "postroom",
        "jti": jti, "nbf": 1_772_323_200, "iat": 1_772_323_200, "exp": 1_772_323_800,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn a_file_that_is_no_certificate_with_its_key_says_what_is_missing() {
    let service = Scripted::start(Vec::new()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.pem");
    let graph = graph(&service, Credential::Certificate(Kept::File(file.clone())), &clock());
    let mut told = Vec::new();
    let elliptic = KeyPair::generate().unwrap().serialize_pem();
    for text in ["", "hunter2", &certificate(), KEY, &format!("{elliptic}{}", certificate())] {
        fs::write(&file, text).unwrap();
        let error = graph.sign_in().await.unwrap_err();
        assert_eq!((error.kind, error.is_configuration()), (ErrorKind::Settings, true));
        told.push(error.message.replace(&dir.path().display().to_string(), "DIR"));
    }
    let no_key = "the certificate for signing in holds no private key; write it in PEM, without a password, beside the certificate in the same file";
    let expected = [
        "the certificate for signing in is empty (DIR/app.pem)",
        no_key,
        no_key,
        "the certificate for signing in has no certificate that belongs to the private key; both stand in one PEM file",
        "the certificate for signing in has a key that is no RSA key; Entra ID takes RSA keys of 2,048 bits and more",
    ];
    assert_eq!(told, expected);
    assert_eq!(service.requests().len(), 0);
}

#[tokio::test]
async fn a_secret_and_a_federated_token_are_read_anew_for_every_token() {
    let service = Scripted::start(vec![Reply::token("1"), Reply::token("2"), Reply::token("3"), Reply::token("4")]).await;
    let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
    let file = dir.path().join("file");
    let secret = graph(&service, Credential::Secret { secret: Kept::File(file.clone()), ends: None }, &clock);
    let federated = graph(&service, Credential::Federated(file.clone()), &clock);
    for text in ["first\n", "second\n"] {
        fs::write(&file, text).unwrap();
        secret.sign_in().await.unwrap();
        federated.sign_in().await.unwrap();
        clock.advance(Duration::from_hours(1));
    }
    let fields = ["client_secret", "client_assertion", "client_secret", "client_assertion"];
    let sent: Vec<_> = service.requests().iter().zip(fields).map(|(request, name)| field(&request.body, name)).collect();
    assert_eq!(sent, ["first", "first", "second", "second"]);
    fs::remove_file(&file).unwrap();
    clock.advance(Duration::from_hours(1));
    let error = federated.sign_in().await.unwrap_err().message.replace(&dir.path().display().to_string(), "DIR");
    assert_eq!(error, "the federated token cannot be read from DIR/file: No such file or directory (os error 2)");
}

#[tokio::test]
async fn the_end_of_a_certificate_is_told_until_a_new_one_lies_there() {
    let service = Scripted::start(vec![Reply::token("1"), Reply::token("2"), Reply::token("3")]).await;
    let (dir, clock) = (tempfile::tempdir().unwrap(), at("2026-12-01T00:00:00Z"));
    let file = dir.path().join("app.pem");
    fs::write(&file, format!("{}{KEY}", certificate())).unwrap();
    let graph = graph(&service, Credential::Certificate(Kept::File(file.clone())), &clock);
    graph.sign_in().await.unwrap();
    assert_eq!(graph.ends_soon(), None);
    clock.advance(Duration::from_hours(24 * 40));
    graph.sign_in().await.unwrap();
    let told = format!(
        "the certificate for signing in ({}) ends in 21 days, at 2027-01-31 00:00 UTC; make a new one in the application's registration and replace it here",
        file.display()
    );
    assert_eq!(graph.ends_soon(), Some(told));
    let key = KeyPair::from_pem_and_sign_algo(KEY, &PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_after = date_time_ymd(2030, 1, 1);
    fs::write(&file, format!("{KEY}{}", params.self_signed(&key).unwrap().pem())).unwrap();
    clock.advance(Duration::from_hours(1));
    graph.sign_in().await.unwrap();
    assert_eq!(graph.ends_soon(), None);
}

#[tokio::test]
async fn a_machines_identity_is_asked_until_its_service_is_ready() {
    let token = json!({ "access_token": "token-1", "expires_in": "3599", "expires_on": "1506484173", "refresh_token": "" });
    let busy = [404, 410, 500].map(|status| Reply::json(status, &json!({ "error": "not_ready" })));
    let service =
        Scripted::start(busy.into_iter().chain([Reply::json(200, &token), Reply::json(200, &message("f1"))]).collect()).await;
    let clock = clock();
    let identity = IdentityService::Machine { host: service.base.clone() };
    let graph = graph(&service, Credential::ManagedIdentity(identity), &clock);
    graph.mailbox("invoices@contoso.com").state(&MessageId::new("m1")).await.unwrap();
    assert_eq!(clock.now().as_second(), 1 + 2 + 4);
    let requests = service.requests();
    let resource = service.base.replace(':', "%3A").replace('/', "%2F");
    let asked =
        format!("GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}&client_id=postroom HTTP/1.1");
    assert_eq!((requests[3].line.as_str(), requests[3].header("metadata")), (asked.as_str(), Some("true")));
    assert_eq!(requests[4].header("authorization"), Some("Bearer token-1"));
}

#[tokio::test]
async fn an_identity_that_is_not_there_is_a_fault_of_the_configuration_and_a_busy_one_is_not() {
    let refused = json!({ "error": "invalid_request", "error_description": "Identity not found" });
    let service = Scripted::start(vec![Reply::json(400, &refused)]).await;
    let service_url = format!("{}/msi/token", service.base);
    let identity = IdentityService::App { endpoint: service_url, header: Secret::new("hunter2") };
    let clock = clock();
    let graph = graph(&service, Credential::ManagedIdentity(identity), &clock);
    let error = graph.sign_in().await.unwrap_err();
    let told = "GET {IDENTITY_ENDPOINT}: 400 invalid_request: Identity not found; check id and client_id under [tenant] and [graph] cloud; \
                a managed identity must belong to this machine";
    assert_eq!((error.to_string().as_str(), error.is_configuration()), (told, true));
    assert_eq!(service.requests()[0].header("x-identity-header"), Some("hunter2"));
    service.then((0..5).map(|_| Reply::json(503, &json!({ "error": "busy" }))).collect());
    let error = graph.sign_in().await.unwrap_err();
    assert_eq!((error.kind, error.verdict(), service.requests().len()), (ErrorKind::Unavailable, Verdict::Retry, 6));
}

#[tokio::test]
async fn an_identity_service_is_asked_in_the_clear_only_where_the_platform_keeps_it() {
    let service = Scripted::start(Vec::new()).await;
    let made = |host: &str| {
        let identity = Credential::ManagedIdentity(IdentityService::Machine { host: host.to_owned() });
        Graph::new(&GraphSettings { credential: identity, ..settings(&service.base) }, clock())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(made("http://169.254.169.254"), Ok(()));
    assert_eq!(made("https://identity.contoso.com"), Ok(()));
    let told = "the managed identity's address: `http://10.0.0.1` must be https; plain http is for loopback addresses only; correct the configuration";
    assert_eq!(made("http://10.0.0.1"), Err(told.to_owned()));
}

fn challenge(claims: &str) -> Reply {
    let header = format!(
        "Bearer realm=\"\", authorization_uri=\"https://login.example/authorize\", error=\"insufficient_claims\", claims=\"{}\"",
        STANDARD.encode(claims)
    );
    Reply::error(401, "InvalidAuthenticationToken").header("www-authenticate", &header)
}

#[tokio::test]
async fn a_challenge_is_answered_by_a_token_that_proves_what_was_asked_once() {
    let wanted = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;
    let replies = vec![challenge(wanted), Reply::token("token-2"), Reply::json(200, &message("f1"))];
    let service = Scripted::with_token(replies).await;
    let (time, id) = (clock(), MessageId::new("m1"));
    let mailbox = mailbox(&service, &time);
    mailbox.state(&id).await.unwrap();
    let requests = service.requests();
    let claims: Value = serde_json::from_str(&field(&requests[2].body, "claims")).unwrap();
    let expected =
        json!({ "access_token": { "nbf": { "essential": true, "value": "1604106651" }, "xms_cc": { "values": ["cp1"] } } });
    assert_eq!(claims, expected);
    assert_eq!(requests[3].header("authorization"), Some("Bearer token-2"));
    // What was proved is not asked for again, and a challenge that is repeated is somebody's policy.
    time.advance(Duration::from_hours(1));
    service.then(vec![Reply::token("token-3"), challenge(wanted), Reply::token("token-4"), challenge(wanted)]);
    let error = mailbox.state(&id).await.unwrap_err();
    assert_eq!(field(&service.requests()[4].body, "claims"), r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#);
    let told = "invoices@contoso.com: GET /messages/{id}: 401 insufficient_claims: As scripted.; a Conditional Access policy refuses the \
                application here; allow its service principal or this machine's address";
    assert_eq!((error.to_string().as_str(), error.is_configuration()), (told, true));
    assert_eq!(service.requests().len(), 8);
}
