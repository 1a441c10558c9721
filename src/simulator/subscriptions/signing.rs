//! Validation tokens: who vouches for encrypted notifications, and the keys by which that is verified.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::office::Parcel;
use super::rich::Seeded;
use crate::simulator::http::Answer;
use crate::simulator::luck::print_of;
use crate::simulator::state::{Tenant, guid};

/// The application "Microsoft Graph Change Tracking".
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";

/// How long a validation token holds.
const HOLDS: SignedDuration = SignedDuration::from_hours(24);

/// The key that validation tokens are signed with.
#[derive(Clone, Debug)]
pub(crate) struct SigningKey {
    key: rsa::PrivateKey,
    id: String,
}

impl SigningKey {
    /// The key of a tenant's seed; takes a moment. Nothing if no key comes of it, which has never been seen.
    pub fn of(seed: u64) -> Option<Self> {
        let key = rsa::PrivateKey::new(&mut Seeded::new(seed, &[b"validation tokens"]), 2048).ok()?;
        let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(key.n().to_be_bytes())[..20]);
        Some(Self { key, id })
    }

    fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.pkcs1v15_sign::<Sha256>(unsigned.as_bytes()).ok()?;
        Some(format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn public(&self) -> Value {
        let number = |bytes: &[u8]| {
            let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
            URL_SAFE_NO_PAD.encode(&bytes[first..])
        };
        let (n, e) = (number(&self.key.n().to_be_bytes()), number(&self.key.e().to_be_bytes()));
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": n, "e": e})
    }
}

/// `GET /{tenant}/discovery/v2.0/keys`.
pub(crate) fn key_set(tenant: &Tenant) -> Answer {
    let keys: Vec<Value> = tenant.subscriptions.signing.iter().map(SigningKey::public).collect();
    Answer::json(200, json!({ "keys": keys }))
}

/// One token for each application and directory whose encrypted notifications are in the parcel.
pub(super) fn validation_tokens(tenant: &Tenant, parcel: &Parcel) -> Vec<String> {
    let Some(signing) = &tenant.subscriptions.signing else { return Vec::new() };
    let encrypted = parcel.items.iter().filter(|item| item.value.get("encryptedContent").is_some());
    let to = encrypted.filter_map(|item| tenant.subscriptions.get(&item.subscription));
    let audiences: BTreeSet<(&str, &str, &str)> =
        to.map(|to| (to.app.as_str(), to.directory.as_str(), to.base.as_str())).collect();
    let now = tenant.clock.now();
    let ends = now.checked_add(HOLDS).unwrap_or(now);
    let object = guid(&Sha256::digest(print_of(&[&tenant.seed.to_be_bytes(), PUBLISHER.as_bytes()]).to_be_bytes()).into());
    let token = |(app, directory, base): (&str, &str, &str)| {
        signing.sign(&json!({
            "aud": app, "iss": format!("{base}/{directory}/v2.0"), "azp": PUBLISHER, "azpacr": "2", "oid": object, "sub": object,
            "tid": directory, "iat": now.as_second(), "nbf": now.as_second(), "exp": ends.as_second(), "ver": "2.0",
        }))
    };
    audiences.into_iter().filter_map(token).collect()
}
