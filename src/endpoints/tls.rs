//! HTTP clients, one for each set of TLS settings.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, Identity};

use super::addresses::{CheckedResolver, SystemNames};
use super::settings::Tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a byte for this long an answer is given up, however long it may take in all.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than most servers', so that a call rarely goes out on a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether anything is called over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Certificates are verified.
    Tls,
    /// Plain http to this machine alone: a machine without root certificates can serve its own endpoints.
    Plain,
}

/// Our certificates and the authorities we trust, checked.
pub(super) fn check(tls: &Tls) -> Result<(), String> {
    identity(tls).map(drop)?;
    authorities(tls).map(drop)?;
    if tls.client_certificate.is_some() || tls.ca.is_some() {
        // A key that does not belong to the certificate shows only now.
        client(tls, Encryption::Plain, None).map(drop)?;
    }
    Ok(())
}

/// The HTTP client: our TLS, no redirects, no proxy from the environment, no repeats of its own.
pub(super) fn client(
    tls: &Tls,
    encryption: Encryption,
    resolver: Option<CheckedResolver<SystemNames>>,
) -> Result<Client, String> {
    let mut builder =
        crate::outgoing::client().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).pool_idle_timeout(IDLE_TIMEOUT);
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(Arc::new(resolver));
    }
    if let Some(identity) = identity(tls)? {
        builder = builder.identity(identity);
    }
    match authorities(tls)? {
        Some(authorities) => builder = builder.tls_certs_only(authorities),
        None if encryption == Encryption::Plain => builder = builder.tls_certs_only([]),
        None => {}
    }
    builder.build().map_err(|error| {
        let told = std::iter::successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
        let told = told.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        match tls.client_certificate {
            Some(_) => format!("`client_certificate` or `ca` cannot be used: {told}"),
            None => told,
        }
    })
}

fn identity(tls: &Tls) -> Result<Option<Identity>, String> {
    let read = |pem: &crate::outgoing::Secret| {
        Identity::from_pem(pem.reveal().as_bytes())
            .map_err(|_| "`client_certificate` must hold a certificate chain and its private key, both in PEM".to_owned())
    };
    tls.client_certificate.as_ref().map(read).transpose()
}

fn authorities(tls: &Tls) -> Result<Option<Vec<Certificate>>, String> {
    let wrong = || "`ca` must hold the certificates of authorities in PEM".to_owned();
    let read = |pem: &crate::outgoing::Secret| match Certificate::from_pem_bundle(pem.reveal().as_bytes()) {
        Ok(authorities) if !authorities.is_empty() => Ok(authorities),
        _ => Err(wrong()),
    };
    tls.ca.as_ref().map(read).transpose()
}
