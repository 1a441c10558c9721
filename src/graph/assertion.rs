//! A certificate that signs: the assertion that stands for a client secret (Microsoft identity platform, "certificate credentials").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::Signer;
use rustls::{SignatureScheme, crypto};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How long an assertion holds, in seconds. It is used at once; Microsoft asks for 5 to 10 minutes.
const HOLDS_S: i64 = 600;

/// What an assertion says.
pub(super) struct Claims<'a> {
    pub client_id: &'a str,
    /// The token endpoint.
    pub audience: &'a str,
    /// Unique.
    pub id: String,
    pub now: Timestamp,
}

/// A certificate with its key.
pub(super) struct Certificate {
    signer: Box<dyn Signer>,
    /// SHA-256 of the certificate.
    thumbprint: String,
    pub ends: Timestamp,
}

impl Certificate {
    /// Reads PEM with a private key and its certificate; others, as of a chain, may stand there too.
    pub fn read(pem: &str) -> Result<Self, String> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            "holds no private key; write it in PEM, without a password, beside the certificate in the same file".to_owned()
        })?;
        let key = crypto::ring::sign::any_supported_type(&key).map_err(|why| format!("has a key that cannot be used: {why}"))?;
        let signer = key
            .choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])
            .ok_or_else(|| "has a key that is no RSA key; Entra ID takes RSA keys of 2,048 bits and more".to_owned())?;
        let public = key.public_key();
        for found in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let der = found.map_err(|why| format!("is no PEM: {why}"))?;
            let parsed = ParsedCertificate::try_from(&der).map_err(|why| format!("is no certificate: {why}"))?;
            if Some(parsed.subject_public_key_info()) == public {
                let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&der));
                let ends = ends(&der).ok_or_else(|| "does not say when it ends".to_owned())?;
                return Ok(Self { signer, thumbprint, ends });
            }
        }
        Err("has no certificate that belongs to the private key; both stand in one PEM file".to_owned())
    }

    /// The signed assertion.
    pub fn sign(&self, claims: &Claims<'_>) -> Result<String, String> {
        let now = claims.now.as_second();
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let body = json!({
            "aud": claims.audience, "iss": claims.client_id, "sub": claims.client_id, "jti": claims.id,
            "nbf": now, "iat": now, "exp": now + HOLDS_S,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = format!("{}.{}", part(&header), part(&body));
        let signature = self.signer.sign(unsigned.as_bytes()).map_err(|why| format!("cannot sign: {why}"))?;
        Ok(format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// When a certificate ends: the second time of its `validity` (RFC 5280 §4.1). One date is no reason for a whole ASN.1 library.
fn ends(certificate: &[u8]) -> Option<Timestamp> {
    const VERSION: u8 = 0xa0;
    let (_, signed, _) = element(element(certificate)?.1)?;
    let (tag, _, after_version) = element(signed)?;
    let mut rest = if tag == VERSION { after_version } else { signed };
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after_not_before) = element(validity)?;
    let (tag, text, _) = element(after_not_before)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The first element of DER: its tag, its content, what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f)).filter(|(bytes, _)| bytes.len() <= 4)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `UTCTime` with its two digits for the year, or `GeneralizedTime`.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    const UTC_TIME: u8 = 0x17;
    let whole = match text.get(..2) {
        Some(year) if tag == UTC_TIME => format!("{}{text}", if year < "50" { "20" } else { "19" }),
        _ => text.to_owned(),
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", whole).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        let read = |tag, text: &str| time(tag, text).map(|time| time.to_string());
        assert_eq!(read(0x17, "260131120000Z").as_deref(), Some("2026-01-31T12:00:00Z"));
        assert_eq!(read(0x17, "991231235959Z").as_deref(), Some("1999-12-31T23:59:59Z"));
        assert_eq!(read(0x18, "20510101000000Z").as_deref(), Some("2051-01-01T00:00:00Z"));
        assert_eq!(read(0x18, "soon"), None);
    }

    #[test]
    fn der_that_is_cut_short_has_no_end() {
        let der = CertificateDer::from_pem_slice(super::super::stories::identity::certificate().as_bytes()).unwrap();
        assert_eq!(ends(&der).map(|end| end.to_string()).as_deref(), Some("2027-01-31T00:00:00Z"));
        // The two times stand well inside of the first half.
        for length in 0..100 {
            assert_eq!(ends(&der[..length]), None, "{length}");
        }
    }
}
