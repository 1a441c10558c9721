//! Client assertions and managed identities, as Microsoft's own libraries and wrong ones send them.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use super::*;
use crate::simulator::{Registered, Trust};

const KEY: &str = include_str!("../../../tests/keys/rsa.pem");
const BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A certificate for the stories' key; another serial number makes another certificate.
fn certificate(serial: u64) -> Vec<u8> {
    let key = KeyPair::from_pem_and_sign_algo(KEY, &PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.serial_number = Some(serial.into());
    params.self_signed(&key).unwrap().der().to_vec()
}

fn signed(header: &Value, claims: &Value) -> String {
    let scheme = if header["alg"] == "RS256" { SignatureScheme::RSA_PKCS1_SHA256 } else { SignatureScheme::RSA_PSS_SHA256 };
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let signer = rustls::crypto::ring::sign::any_supported_type(&key).unwrap().choose_scheme(&[scheme]).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}", part(header), part(claims));
    format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signer.sign(unsigned.as_bytes()).unwrap()))
}

async fn present(simulator: &Simulator, assertion: &str) -> (u16, Value) {
    let url = format!("{}/contoso/oauth2/v2.0/token", simulator.base_url());
    let form = format!(
        "grant_type=client_credentials&client_id=app&scope=https://graph.microsoft.com/.default&client_assertion_type={BEARER}&client_assertion={assertion}"
    );
    let reply = client().post(url).body(form).send().await.unwrap();
    let status = reply.status().as_u16();
    let body: Value = reply.json().await.unwrap();
    (status, body["error_codes"][0].clone())
}

#[tokio::test]
async fn an_assertion_is_taken_as_the_libraries_send_it_and_each_lie_has_its_number() {
    let registered = Registered { certificates: vec![certificate(1), certificate(2)], trusts: Vec::new() };
    let simulator = Simulator::start(Options { registered, ..options() }).await.unwrap();
    let now = Clock::system().now().as_second();
    let endpoint = format!("{}/contoso/oauth2/v2.0/token", simulator.base_url());
    let digest = Sha256::digest(certificate(2));
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(digest) });
    let claims = json!({ "aud": endpoint, "iss": "app", "sub": "app", "jti": "1", "nbf": now, "iat": now, "exp": now + 600 });
    let with = |value: &Value, key: &str, new: Value| {
        let mut changed = value.clone();
        changed[key] = new;
        changed
    };
    #[allow(clippy::cast_precision_loss)]
    let fraction = json!(now as f64 + 599.65);
    let good = signed(&header, &claims);
    let (start, signature) = good.rsplit_once('.').unwrap();
    let other = signed(&header, &with(&claims, "jti", json!("2")));
    let forged = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    let padded = with(&header, "x5t#S256", json!(URL_SAFE.encode(digest)));
    let sha1_alone = json!({ "alg": "RS256", "typ": "JWT", "x5t": "AAAA" });
    let mut no_start = with(&claims, "exp", fraction);
    no_start.as_object_mut().unwrap().remove("nbf");
    let cases = [
        ("PS256", good.clone(), (200, Value::Null)),
        ("padded, no nbf, a fraction", signed(&padded, &no_start), (200, Value::Null)),
        ("RS256 and a SHA-1 thumbprint", signed(&sha1_alone, &claims), (200, Value::Null)),
        ("no JWT", "e30.e30".into(), (401, json!(50_027))),
        ("other claims under the signature", forged, (401, json!(700_027))),
        ("another key's signature", format!("{start}.{}", URL_SAFE_NO_PAD.encode([7; 256])), (401, json!(700_027))),
        ("no algorithm", signed(&with(&header, "alg", json!("none")), &claims), (401, json!(700_027))),
        ("unregistered", signed(&with(&header, "x5t#S256", json!("AAAA")), &claims), (401, json!(700_027))),
        ("another tenant's", signed(&header, &with(&claims, "aud", json!("https://x/y"))), (401, json!(700_023))),
        ("another's subject", signed(&header, &with(&claims, "sub", json!("x"))), (401, json!(700_021))),
        ("over", signed(&header, &with(&claims, "exp", json!(now - 301))), (401, json!(700_024))),
        ("not yet", signed(&header, &with(&claims, "nbf", json!(now + 360))), (401, json!(700_024))),
    ];
    for (name, assertion, wanted) in cases {
        assert_eq!(present(&simulator, &assertion).await, wanted, "{name}");
    }
    simulator.stop().await;
}

#[tokio::test]
async fn another_issuers_token_must_fit_a_trust_in_every_part() {
    let trust = Trust {
        issuer: "https://cluster.contoso.com".into(),
        subject: "system:serviceaccount:mail:postroom".into(),
        audience: "api://AzureADTokenExchange".into(),
        certificate: certificate(1),
    };
    let registered = Registered { certificates: Vec::new(), trusts: vec![trust.clone()] };
    let simulator = Simulator::start(Options { registered, ..options() }).await.unwrap();
    let now = Clock::system().now().as_second();
    let token = |issuer: &str, subject: &str, audience: &str| {
        let claims = json!({ "iss": issuer, "sub": subject, "aud": audience, "exp": now + 600 });
        signed(&json!({ "alg": "RS256" }), &claims)
    };
    let Trust { issuer, subject, audience, .. } = &trust;
    let good = token(issuer, subject, audience);
    let unsigned = format!("{}.AAAA", good.rsplit_once('.').unwrap().0);
    for (assertion, wanted) in [
        (good, (200, Value::Null)),
        (token("https://other", subject, audience), (401, json!(700_211))),
        (token(issuer, "other", audience), (401, json!(700_213))),
        (token(issuer, subject, "other"), (401, json!(700_212))),
        (unsigned, (401, json!(700_027))),
    ] {
        assert_eq!(present(&simulator, &assertion).await, wanted);
    }
    simulator.stop().await;
}

#[tokio::test]
async fn identity_services_give_numbers_as_strings_and_want_their_headers() {
    let stage = Stage::begin().await;
    let base = stage.simulator.base_url();
    let machine = format!("{base}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://graph.microsoft.com");
    let app = format!("{base}/msi/token?api-version=2019-08-01&resource=https://graph.microsoft.com&client_id=c");
    for (url, header, value, wanted) in [
        (&machine, "metadata", "true", 200),
        (&machine, "metadata", "True", 400),
        (&machine.replace("2018", "2019"), "metadata", "true", 400),
        (&machine.replace("resource", "scope"), "metadata", "true", 400),
        (&app, "x-identity-header", "simulated", 200),
        (&app, "x-identity-header", "other", 401),
    ] {
        let reply = client().get(url).header(header, value).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), wanted, "{url}");
        let body: Value = reply.json().await.unwrap();
        assert_eq!(body["expires_in"] == json!("3599"), wanted == 200, "{body}");
        assert_eq!(body["access_token"].is_string(), wanted == 200, "{body}");
    }
    stage.end().await;
}
