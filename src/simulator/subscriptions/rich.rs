//! Notifications that carry the message, encrypted for whoever subscribed (the page "change notifications with resource data"):
//! AES-256-CBC under a key of its own for each, HMAC-SHA256 over the result, the key wrapped by RSA-OAEP with SHA-1.

use std::convert::Infallible;

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_cert::der::{Decode, Encode};

use super::Subscription;
use crate::simulator::http::GraphError;
use crate::simulator::luck::print_of;
use crate::simulator::shape::{self, View};
use crate::simulator::state::{Mailbox, Message, hex};

/// Whom notifications are encrypted for.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// As it was given: base64 of the DER.
    pub text: String,
    pub id: String,
    thumbprint: String,
    key: rsa::PublicKey,
}

impl Certificate {
    /// Reads base64 of an X.509 certificate (DER) with an RSA key of 2048 to 4096 bits.
    pub fn read(text: &str, id: &str) -> Result<Self, GraphError> {
        let refused =
            |why: &str| GraphError::new(400, "InvalidRequest", format!("The encryptionCertificate is not usable: {why}."));
        let der = STANDARD.decode(text.trim()).map_err(|_| refused("it is not base64 of a DER certificate"))?;
        let certificate = x509_cert::Certificate::from_der(&der).map_err(|_| refused("it is not an X.509 certificate"))?;
        let spki = certificate.tbs_certificate().subject_public_key_info();
        let spki = spki.to_der().map_err(|_| refused("its public key cannot be read"))?;
        let spki =
            x509_cert::spki::SubjectPublicKeyInfoRef::from_der(&spki).map_err(|_| refused("its public key cannot be read"))?;
        let key = rsa::PublicKey::try_from(spki).map_err(|_| refused("its key is not an RSA key of 2048 to 4096 bits"))?;
        if !(256..=512).contains(&key.size()) {
            return Err(refused("its key is not an RSA key of 2048 to 4096 bits"));
        }
        let thumbprint = hex(&Sha1::digest(&der)).to_uppercase();
        Ok(Self { text: text.to_owned(), id: id.to_owned(), thumbprint, key })
    }
}

/// A source of bytes that follow from a seed, so that a run can be repeated byte for byte. The tenant's secrets are for show.
pub(crate) struct Seeded {
    seed: [u8; 32],
    block: u64,
}

impl Seeded {
    pub fn new(seed: u64, what: &[&[u8]]) -> Self {
        Self { seed: Sha256::digest([seed.to_be_bytes(), print_of(what).to_be_bytes()].concat()).into(), block: 0 }
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            self.block += 1;
            let block = Sha256::digest([self.seed.as_slice(), &self.block.to_be_bytes()].concat());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}

/// `encryptedContent` of a message; nothing if the key takes no content, which a certificate that was accepted never comes to.
pub(super) fn sealed(seed: u64, to: &Certificate, mailbox: &Mailbox, message: &Message, subscription: &Subscription) -> Value {
    let content = content(mailbox, message, subscription).to_string();
    let mut random = Seeded::new(seed, &[subscription.id.as_bytes(), &message.key.to_be_bytes(), &message.change.to_be_bytes()]);
    let mut key = [0_u8; 32];
    let _ = random.try_fill_bytes(&mut key);
    let Ok(wrapped) = to.key.oaep_encrypt_with_rng::<Sha1, _>(&mut random, &key) else { return Value::Null };
    let (Ok(cipher), Ok(mut mac)) =
        (cbc::Encryptor::<Aes256>::new_from_slices(&key, &key[..16]), Hmac::<Sha256>::new_from_slice(&key))
    else {
        return Value::Null;
    };
    let data = cipher.encrypt_padded_vec::<Pkcs7>(content.as_bytes());
    mac.update(&data);
    json!({
        "data": STANDARD.encode(&data),
        "dataKey": STANDARD.encode(wrapped),
        "dataSignature": STANDARD.encode(mac.finalize().into_bytes()),
        "encryptionCertificateId": to.id,
        "encryptionCertificateThumbprint": to.thumbprint,
    })
}

/// The selected properties, times with their type beside them.
fn content(mailbox: &Mailbox, message: &Message, subscription: &Subscription) -> Value {
    let select = subscription.watched.select.clone();
    let view = View { immutable_ids: subscription.immutable_ids, select, ..View::default() };
    let mut shown = shape::message(&view, mailbox, message);
    shown["@odata.context"] = json!(format!("{}/v1.0/$metadata#users('{}')/messages/$entity", subscription.base, mailbox.guid));
    if let Some(members) = shown.as_object_mut() {
        let times: Vec<String> = members.keys().filter(|name| name.ends_with("DateTime")).cloned().collect();
        for name in times {
            members.insert(format!("{name}@odata.type"), json!("#DateTimeOffset"));
        }
    }
    shown
}
