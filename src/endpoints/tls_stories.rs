//! Calls over TLS to a server on this machine that wants to see our certificate.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::clock::Clock;
use crate::ids::EndpointName;
use crate::outgoing::Secret;
use crate::verdict::Verdict;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a name, good until the end of a year.
fn certificate(authority: &Authority, name: &str, until: i32) -> (CertificateDer<'static>, String, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 12, 31));
    let signed = params.signed_by(&key, authority).unwrap();
    (signed.der().clone(), signed.pem(), key)
}

/// A server that lets in only who shows a certificate of `clients`, until it is dropped. Gives its address.
async fn server(clients: &Authority, (certificate, _, key): (CertificateDer<'static>, String, KeyPair)) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{\"id\":1}").await;
            let _ = stream.shutdown().await;
        }
    });
    format!("https://localhost:{port}/")
}

async fn post_to(url: &str, tls: Tls) -> Result<Value, EndpointError> {
    let name = EndpointName::new("erp");
    let settings = EndpointSettings { timeout: Duration::from_secs(5), tls, ..EndpointSettings::new(name.clone(), url) };
    let endpoints = Endpoints::new(vec![settings], Clock::system()).unwrap();
    let decided = "2026-03-02T09:00:00Z".parse().unwrap();
    let origin = Origin { mailbox: "invoices@contoso.com".into(), message_id: None, decided };
    endpoints.post(&name, &Record { key: "k1", json: b"{}", origin: &origin }).await
}

/// Our side: a certificate of `of`, trusting `ca`.
fn ours(of: &Authority, ca: &Authority, until: i32) -> Tls {
    let (_, pem, key) = certificate(of, "postroom", until);
    let client_certificate = Some(Secret::new(format!("{pem}{}", key.serialize_pem())));
    Tls { client_certificate, ca: Some(Secret::new(ca.pem())) }
}

#[tokio::test]
async fn who_shows_the_right_certificate_is_let_in_and_nobody_else_is() {
    let authority = authority("Contoso");
    let url = server(&authority, certificate(&authority, "localhost", 2099)).await;
    assert_eq!(post_to(&url, ours(&authority, &authority, 2099)).await.unwrap(), json!({ "id": 1 }));
    let without = Tls { client_certificate: None, ..ours(&authority, &authority, 2099) };
    for (what, tls) in [
        ("none", without),
        ("one of another authority", ours(&self::authority("Fabrikam"), &authority, 2099)),
        ("an expired one", ours(&authority, &authority, 2021)),
    ] {
        let error = post_to(&url, tls).await.unwrap_err();
        assert_eq!(
            (error.kind, error.verdict(), error.is_configuration()),
            (FailureKind::Credentials, Verdict::Never, true),
            "{what}: {error}"
        );
        let told = error.to_string();
        assert!(told.starts_with("endpoint erp: the server refuses our side of TLS ("), "{told}");
        assert!(told.ends_with("); check `client_certificate`"), "{told}");
    }
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_right_is_not_spoken_to() {
    let (trusted, other) = (authority("Contoso"), authority("Fabrikam"));
    for (server_certificate, reason) in [
        (certificate(&other, "localhost", 2099), "no trusted authority signed it; name your own authority in `ca`"),
        (certificate(&trusted, "localhost", 2021), "it has expired"),
        (certificate(&trusted, "erp.contoso.com", 2099), "it is for another host"),
    ] {
        let url = server(&trusted, server_certificate).await;
        let error = post_to(&url, ours(&trusted, &trusted, 2099)).await.unwrap_err();
        assert_eq!(
            (error.kind, error.verdict(), error.is_configuration()),
            (FailureKind::Certificate, Verdict::Never, true),
            "{error}"
        );
        let expected = format!("endpoint erp: the server's certificate is refused: {reason} (");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[test]
fn certificates_that_cannot_be_used_are_refused_at_the_start_without_being_shown() {
    let authority = authority("Contoso");
    let good = ours(&authority, &authority, 2099);
    let complaint = |tls: Tls| {
        let settings = EndpointSettings { tls, ..EndpointSettings::new(EndpointName::new("erp"), "https://erp.contoso.com/") };
        Endpoints::check(&[settings]).first().map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(complaint(good.clone()), "");
    let no_key = Tls { client_certificate: Some(Secret::new(authority.pem())), ..good.clone() };
    let expected = "endpoint erp: `client_certificate` must hold a certificate chain and its private key, both in PEM";
    assert_eq!(complaint(no_key), expected);
    let no_authority = Tls { ca: Some(Secret::new("hunter2")), ..good.clone() };
    assert_eq!(complaint(no_authority), "endpoint erp: `ca` must hold the certificates of authorities in PEM");
    let of_another = format!("{}{}", authority.pem(), KeyPair::generate().unwrap().serialize_pem());
    let mixed = complaint(Tls { client_certificate: Some(Secret::new(of_another)), ..good });
    assert!(mixed.starts_with("endpoint erp: `client_certificate` or `ca` cannot be used: "), "{mixed}");
}
