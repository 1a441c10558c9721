//! Who we are to the sign-in service, and the proof of it, made anew for every token.
//!
//! Files are read each time they are needed: whoever renews a secret or a certificate replaces the file and is done.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::assertion::{Certificate, Claims};
use crate::outgoing::Secret;

/// Largest file that is read: keys, chains and tokens are some kilobytes.
const FILE_MAX: u64 = 1_000_000;
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who we are.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The application, by a secret that it shares with the sign-in service.
    Secret {
        /// The secret.
        secret: Kept,
        /// Its last day, where it is known: the secret itself does not say.
        ends: Option<Date>,
    },
    /// The application, by a certificate that is registered with it: PEM with the RSA key and the certificate, in any order.
    Certificate(Kept),
    /// The application, by another issuer's token that it trusts; the file is written anew by the platform.
    Federated(PathBuf),
    /// The identity that Azure gives this machine or app.
    ManagedIdentity(IdentityService),
}

/// Where a secret text is.
#[derive(Clone, Debug)]
pub enum Kept {
    /// Here.
    Given(Secret),
    /// In a file; a line break at its end does not count.
    File(PathBuf),
}

/// Who hands out a managed identity's tokens.
#[derive(Clone, Debug)]
pub enum IdentityService {
    /// The metadata service of virtual machines.
    Machine {
        /// `http://169.254.169.254`.
        host: String,
    },
    /// App Service, Functions and Container Apps.
    App {
        /// What `IDENTITY_ENDPOINT` says.
        endpoint: String,
        /// What `IDENTITY_HEADER` says.
        header: Secret,
    },
}

/// What goes to the sign-in service as the proof.
pub(super) struct Proof {
    pub fields: Vec<(&'static str, String)>,
    /// The end of what it is made from, where that is known.
    pub ends: Option<Timestamp>,
}

impl Credential {
    /// The proof for the token endpoint `audience`. It may read a file, and signs: not for a thread that must not wait.
    ///
    /// # Errors
    /// What is wrong and what to do, in words.
    pub(super) fn proof(&self, claims: &Claims<'_>) -> Result<Proof, String> {
        let assertion = |assertion| vec![("client_assertion_type", JWT_BEARER.to_owned()), ("client_assertion", assertion)];
        match self {
            Self::Secret { secret, ends } => {
                let secret = secret.read().map_err(|why| format!("the client secret {why}"))?;
                Ok(Proof { fields: vec![("client_secret", secret)], ends: ends.and_then(end_of_day) })
            }
            Self::Certificate(pem) => {
                let wrong = |why| format!("the certificate for signing in {why}");
                let certificate = Certificate::read(&pem.read().map_err(wrong)?).map_err(wrong)?;
                let signed = certificate.sign(claims).map_err(wrong)?;
                Ok(Proof { fields: assertion(signed), ends: Some(certificate.ends) })
            }
            Self::Federated(file) => {
                let token = Kept::File(file.clone()).read().map_err(|why| format!("the federated token {why}"))?;
                Ok(Proof { fields: assertion(token.trim().to_owned()), ends: None })
            }
            // The machine proves it.
            Self::ManagedIdentity(_) => Ok(Proof { fields: Vec::new(), ends: None }),
        }
    }

    /// Whether what it is made from can be used: the end of it, where that is known. What cannot be read is told elsewhere.
    ///
    /// # Errors
    /// What is wrong and what to do, in words.
    pub(super) fn check(&self) -> Result<Option<Timestamp>, String> {
        match self {
            Self::Certificate(pem) => {
                let Ok(pem) = pem.read() else { return Ok(None) };
                Certificate::read(&pem)
                    .map(|found| Some(found.ends))
                    .map_err(|why| format!("the certificate for signing in {why}"))
            }
            Self::Secret { ends, .. } => Ok(ends.and_then(end_of_day)),
            Self::Federated(_) | Self::ManagedIdentity(_) => Ok(None),
        }
    }

    /// What of it may end.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Secret { secret, .. } => format!("the client secret{secret}"),
            Self::Certificate(pem) => format!("the certificate for signing in{pem}"),
            Self::Federated(_) | Self::ManagedIdentity(_) => String::new(),
        }
    }
}

impl Kept {
    fn read(&self) -> Result<String, String> {
        let text = match self {
            Self::Given(secret) => secret.reveal().to_owned(),
            Self::File(path) => {
                let unreadable = |why| format!("cannot be read from {}: {why}", path.display());
                let mut text = String::new();
                let file = File::open(path).map_err(unreadable)?;
                file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
                if text.len() as u64 > FILE_MAX {
                    return Err(format!("cannot be read from {}: it has more than {FILE_MAX} bytes", path.display()));
                }
                text
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() { Err(format!("is empty{self}")) } else { Ok(text.to_owned()) }
    }
}

impl fmt::Display for Kept {
    /// ` (FILE)`, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => Ok(()),
            Self::File(path) => write!(f, " ({})", path.display()),
        }
    }
}

fn end_of_day(day: Date) -> Option<Timestamp> {
    Some(day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
