//! Signed and encrypted files: told apart, and left closed. An invoice within a signature (the Italian `.xml.p7m`) is read.

use super::super::reading::Reading;
use super::{File, Format};
use crate::mail::invoice;

/// S/MIME (RFC 8551, the types of CMS, RFC 5652) and PGP (RFC 3156, RFC 9580).
pub(super) struct Sealed;

/// Object identifiers of what a CMS file is, as they stand in it, and what that means.
const CMS: [(&[u8], &str); 3] = [
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", SIGNED),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", ENCRYPTED),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", ENCRYPTED),
];
const SIGNED: &str = "it is signed (S/MIME), and what it says stands within the signature: it is not opened";
const ENCRYPTED: &str = "it is encrypted (S/MIME): only a key of its recipients opens it";
const SIGNATURE: &str = "it is the signature of the mail (S/MIME): there is nothing in it to read";

/// First line of PGP's armour, and what that means.
const PGP: [(&str, &str); 4] = [
    ("-----begin pgp message-----", "it is encrypted (PGP): only a key of its recipients opens it"),
    ("-----begin pgp signature-----", "it is the signature of the mail (PGP): there is nothing in it to read"),
    ("-----begin pgp public key", "it is a public key (PGP): there is nothing in it to read"),
    ("-----begin pgp private key", "it is a private key (PGP): it is not read"),
];

/// Bytes at the beginning of a CMS file in which it says what it is.
const HEAD: usize = 64;

impl Format for Sealed {
    fn is_content(&self, file: &File<'_>) -> bool {
        pgp(file).is_some() || cms(file).is_some()
    }

    fn endings(&self) -> &'static [&'static str] {
        &["p7m", "p7s", "pgp", "gpg"]
    }

    fn types(&self) -> &'static [&'static str] {
        &[
            "application/pkcs7-mime",
            "application/x-pkcs7-mime",
            "application/pkcs7-signature",
            "application/x-pkcs7-signature",
            "application/pgp-encrypted",
            "application/pgp-signature",
            "application/pgp-keys",
        ]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        if let Some(invoice) = invoice::read(file.bytes) {
            return Ok(Reading { invoice: Some(Box::new(invoice?)), ..Reading::default() });
        }
        let is_signature = file.content_type.ends_with("pkcs7-signature") || file.ending().as_deref() == Some("p7s");
        let reason = match (pgp(file), cms(file), file.content_type) {
            (Some(reason), ..) => reason,
            _ if is_signature => SIGNATURE,
            (_, Some(reason), _) => reason,
            (.., "application/pgp-encrypted") => "it only says that the mail is encrypted (PGP)",
            _ => "it is signed or encrypted (S/MIME or PGP): it is not opened",
        };
        Err(reason.to_owned())
    }
}

fn cms(file: &File<'_>) -> Option<&'static str> {
    let head = file.bytes.get(..HEAD).unwrap_or(file.bytes);
    if head.first() != Some(&0x30) {
        return None;
    }
    CMS.iter().find(|(kind, _)| memchr::memmem::find(head, kind).is_some()).map(|(_, reason)| *reason)
}

fn pgp(file: &File<'_>) -> Option<&'static str> {
    if !file.bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP") {
        return None;
    }
    let beginning = file.beginning();
    PGP.iter().find(|(line, _)| beginning.starts_with(line)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(content_type: &str, name: &str, bytes: &[u8]) -> String {
        let file = File { bytes, name: Some(name), content_type, charset: None, depth: 0 };
        super::super::read(&file).problem.unwrap_or_default()
    }

    #[test]
    fn what_is_sealed_is_told_apart() {
        let cms = |kind: &[u8]| [b"\x30\x80\x06\x09".as_slice(), kind, b"\xa0\x80"].concat();
        let (signed, encrypted) = (cms(CMS[0].0), cms(CMS[1].0));
        assert_eq!(problem("application/pkcs7-mime", "smime.p7m", &signed), SIGNED);
        assert_eq!(problem("application/octet-stream", "winmail.dat", &encrypted), ENCRYPTED);
        assert_eq!(problem("application/pkcs7-signature", "smime.p7s", &signed), SIGNATURE);
        for (line, reason) in PGP {
            assert_eq!(problem("application/octet-stream", "a.asc", line.to_ascii_uppercase().as_bytes()), reason);
        }
    }
}
