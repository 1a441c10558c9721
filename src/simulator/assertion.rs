//! Client assertions: a JWT that is signed by a certificate of the application, or by an issuer that the application trusts.
//!
//! As tolerant as Entra ID: RS256 beside PS256, padded thumbprints, numbers with a fraction, no `nbf`. Not here: SHA-1 thumbprints
//! (`x5t`); an assertion that names its certificate only so is held against each one by its signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::sign_in::{Denied, denied};

/// What an application is known by beside its secret.
#[derive(Clone, Debug, Default)]
pub struct Registered {
    /// Certificates (DER).
    pub certificates: Vec<Vec<u8>>,
    /// Issuers whose tokens stand for it.
    pub trusts: Vec<Trust>,
}

/// A federated credential.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The token's `iss`.
    pub issuer: String,
    /// The token's `sub`.
    pub subject: String,
    /// The token's `aud`; `api://AzureADTokenExchange` as a rule.
    pub audience: String,
    /// The issuer's certificate (DER).
    pub certificate: Vec<u8>,
}

/// A JWT taken apart.
struct Jwt {
    header: Value,
    claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Registered {
    /// Whether only registered assertions are taken.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.trusts.is_empty()
    }

    /// Refuses an assertion that does not prove that the caller is `client`.
    pub(super) fn check(&self, assertion: &str, client: &str, endpoint: &str, now: Timestamp) -> Result<(), Denied> {
        let jwt =
            Jwt::read(assertion).ok_or_else(|| denied(401, "invalid_client", 50_027, "JWT token is invalid or malformed."))?;
        let issuer = jwt.text("iss");
        if issuer == client {
            self.check_certificate(&jwt)?;
            if jwt.text("sub") != client {
                let text = "The subject of the client assertion does not match the 'client_id' parameter.";
                return Err(denied(401, "invalid_client", 700_021, text));
            }
            if jwt.text("aud") != endpoint {
                let text = format!("Client assertion audience claim does not match Realm issuer: it must be '{endpoint}'.");
                return Err(denied(401, "invalid_client", 700_023, text));
            }
        } else {
            self.check_trust(&jwt)?;
        }
        jwt.check_time(now)
    }

    fn check_certificate(&self, jwt: &Jwt) -> Result<(), Denied> {
        let named = jwt.header["x5t#S256"].as_str().map(|thumbprint| thumbprint.trim_end_matches('='));
        let is_named = |certificate: &&Vec<u8>| {
            named.is_none_or(|named| URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.as_slice())) == named)
        };
        let mut candidates = self.certificates.iter().filter(is_named).peekable();
        if candidates.peek().is_none() {
            let named = named.unwrap_or_default();
            let text = format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '{named}']."
            );
            return Err(denied(401, "invalid_client", 700_027, text));
        }
        if candidates.any(|certificate| jwt.is_signed_by(certificate)) {
            return Ok(());
        }
        Err(denied(401, "invalid_client", 700_027, "Client assertion failed signature validation."))
    }

    fn check_trust(&self, jwt: &Jwt) -> Result<(), Denied> {
        let (issuer, subject, audience) = (jwt.text("iss"), jwt.text("sub"), jwt.text("aud"));
        let of_issuer: Vec<_> = self.trusts.iter().filter(|trust| trust.issuer == issuer).collect();
        let no_match = |number, what: &str, value: &str| {
            let text = format!("No matching federated identity record found for presented assertion {what} '{value}'.");
            denied(401, "invalid_client", number, text)
        };
        if of_issuer.is_empty() {
            return Err(no_match(700_211, "issuer", issuer));
        }
        let Some(trust) = of_issuer.iter().find(|trust| trust.subject == subject) else {
            return Err(no_match(700_213, "subject", subject));
        };
        if trust.audience != audience {
            return Err(no_match(700_212, "audience", audience));
        }
        if jwt.is_signed_by(&trust.certificate) {
            return Ok(());
        }
        Err(denied(401, "invalid_client", 700_027, "Client assertion failed signature validation."))
    }
}

/// How far two clocks may be apart: Entra ID's validation grants five minutes, and clients round their times up.
const SKEW_S: f64 = 300.0;

impl Jwt {
    fn read(text: &str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok();
        let json = |part: &str| serde_json::from_slice::<Value>(&bytes(part)?).ok().filter(Value::is_object);
        Some(Self { header: json(header)?, claims: json(claims)?, signed: signed.to_owned(), signature: bytes(signature)? })
    }

    fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().unwrap_or_default()
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Denied> {
        let (from, until) = (self.claims["nbf"].as_f64(), self.claims["exp"].as_f64());
        #[allow(clippy::cast_precision_loss)] // seconds of this era are exact
        let now_s = now.as_second() as f64;
        if from.is_none_or(|from| from <= now_s + SKEW_S) && until.is_some_and(|until| now_s < until + SKEW_S) {
            return Ok(());
        }
        let text = format!(
            "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {}, expiry time of assertion {}.",
            self.claims["nbf"], self.claims["exp"]
        );
        Err(denied(401, "invalid_client", 700_024, text))
    }

    fn is_signed_by(&self, certificate: &[u8]) -> bool {
        let scheme = match self.header["alg"].as_str() {
            Some("PS256") => SignatureScheme::RSA_PSS_SHA256,
            Some("RS256") => SignatureScheme::RSA_PKCS1_SHA256,
            _ => return false,
        };
        let certificate = CertificateDer::from(certificate.to_vec());
        let Ok(parsed) = ParsedCertificate::try_from(&certificate) else { return false };
        let info = parsed.subject_public_key_info();
        let Some(key) = rsa_key(&info) else { return false };
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let mut algorithms = known.mapping.iter().filter(|(own, _)| *own == scheme).flat_map(|(_, algorithms)| *algorithms);
        algorithms.any(|algorithm| algorithm.verify_signature(key, self.signed.as_bytes(), &self.signature).is_ok())
    }
}

/// The key within a `SubjectPublicKeyInfo` (RFC 5280 §4.1) whose algorithm is `rsaEncryption`; its identifier is always the same.
fn rsa_key(info: &[u8]) -> Option<&[u8]> {
    const RSA: [u8; 15] = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let after_head = |der: &'_ [u8]| match *der.get(1)? {
        length @ 0x80.. => Some(2 + usize::from(length & 0x7f)),
        _ => Some(2),
    };
    let bits = info.get(after_head(info)?..)?.strip_prefix(&RSA)?;
    // The first byte of a bit string counts the bits that do not belong to it.
    bits.get(after_head(bits)?..)?.strip_prefix(&[0])
}
