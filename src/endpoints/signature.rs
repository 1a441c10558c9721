//! Signatures of Standard Webhooks 1.0.0: the receiver can tell that a body is ours and when it was sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::outgoing::Secret;

const PREFIX: &str = "whsec_";
/// Secrets at a time: the new one and the one it replaces.
pub(super) const SECRETS_MAX: usize = 2;

/// The bytes of one secret, never shown.
pub(super) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Reads `whsec_<base64>` of 24 to 64 bytes. The complaint does not repeat the secret.
    pub fn read(secret: &Secret) -> Result<Self, String> {
        let advice = "make one with `printf 'whsec_%s\\n' \"$(head -c 32 /dev/urandom | base64)\"`";
        let text = secret.reveal().trim();
        let encoded =
            text.strip_prefix(PREFIX).ok_or_else(|| format!("the secret in `sign` does not begin with `{PREFIX}`; {advice}"))?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| format!("what follows `{PREFIX}` in the secret in `sign` is no base64; {advice}"))?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(format!("the secret in `sign` has {} bytes, not 24 to 64; {advice}", bytes.len()));
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| format!("the secret in `sign` cannot be used; {advice}"))
    }

    /// `v1,<base64 HMAC-SHA256 over id.timestamp.body>`.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mac = self.0.clone().chain_update(format!("{id}.{timestamp}.")).chain_update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The value of `webhook-signature`: one signature a key, a space between them.
pub(super) fn signatures(keys: &[SigningKey], id: &str, timestamp: i64, body: &[u8]) -> String {
    keys.iter().map(|key| key.sign(id, timestamp, body)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // The example of the Standard Webhooks libraries.
        let key = SigningKey::read(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signatures(&[key], id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_of_another_kind_is_refused_without_being_repeated() {
        let complaint = |text: &str| SigningKey::read(&Secret::new(text)).err().unwrap_or_default();
        let bytes = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        assert_eq!([24, 32, 64].map(|length| complaint(&bytes(length))), [""; 3]);
        assert!(complaint(&bytes(23)).starts_with("the secret in `sign` has 23 bytes, not 24 to 64; make one with"));
        assert!(complaint(&bytes(65)).starts_with("the secret in `sign` has 65 bytes, not 24 to 64"));
        assert!(complaint("hunter2hunter2hunter2hunter2").starts_with("the secret in `sign` does not begin with `whsec_`"));
        let no_base64 = complaint("whsec_hunter2!");
        assert!(no_base64.starts_with("what follows `whsec_` in the secret in `sign` is no base64"));
        assert!(!no_base64.contains("hunter2"));
    }
}
