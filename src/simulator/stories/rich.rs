//! Notifications that carry the message: opened as a subscriber opens them.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use rsa::pkcs8::EncodePrivateKey;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::super::Webhooks;
use super::super::subscriptions::Seeded;
use super::hook::Hook;
use super::*;

/// A key pair, and its certificate as base64 of the DER.
fn certified() -> (rsa::PrivateKey, Vec<u8>) {
    let key = rsa::PrivateKey::new(&mut Seeded::new(1, &[b"a subscriber"]), 2048).unwrap();
    let der = key.to_pkcs8_der().unwrap();
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der.as_bytes().into(), &rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["subscriber".to_owned()]).unwrap().self_signed(&pair).unwrap();
    (key, certificate.der().to_vec())
}

/// What the encrypted content says, by Microsoft's own steps.
fn opened(key: &rsa::PrivateKey, content: &Value) -> Value {
    let bytes = |name: &str| STANDARD.decode(content[name].as_str().unwrap()).unwrap();
    let secret = key.oaep_decrypt::<Sha1>(&bytes("dataKey")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    mac.update(&bytes("data"));
    mac.verify_slice(&bytes("dataSignature")).unwrap();
    let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&secret, &secret[..16]).unwrap();
    serde_json::from_slice(&cipher.decrypt_padded_vec::<Pkcs7>(&bytes("data")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_rich_notification_opens_with_the_subscribers_key_and_its_token_verifies_with_the_published_one() {
    let webhooks = Webhooks { gather: Duration::ZERO, ..Webhooks::default() };
    let (stage, hook) = (Stage::open(Options { webhooks, ..options() }).await, Hook::begin().await);
    let (key, der) = certified();
    let ends = Clock::system().now().checked_add(jiff::SignedDuration::from_hours(20)).unwrap();
    let body = json!({
        "changeType": "created,deleted", "notificationUrl": hook.url("/rich"), "clientState": "secret", "expirationDateTime": ends.to_string(),
        "resource": format!("users/{INVOICES}/mailFolders('Inbox')/messages?$select=subject,receivedDateTime,from"),
        "includeResourceData": true, "encryptionCertificate": STANDARD.encode(&der), "encryptionCertificateId": "first",
    });
    let url = format!("{}/v1.0/subscriptions", stage.simulator.base_url());
    for (name, value, words) in [
        ("encryptionCertificate", json!("AAAA"), "it is not an X.509 certificate"),
        ("encryptionCertificate", json!("?"), "it is not base64"),
        ("resource", json!(format!("users/{INVOICES}/messages?$select=subject,body")), "without body and uniqueBody"),
        ("expirationDateTime", json!(ends.checked_add(jiff::SignedDuration::from_hours(5)).unwrap().to_string()), "1440 minutes"),
    ] {
        let mut wrong = body.clone();
        wrong[name] = value;
        let (status, refused) = stage.post(&url, wrong).await;
        assert!(status == 400 && refused["error"]["message"].as_str().unwrap().contains(words), "{refused}");
    }
    let (status, made) = stage.post(&url, body).await;
    assert_eq!(status, 201, "{made}");
    let id = stage.simulator.deliver(INVOICES, mail(1).as_bytes()).unwrap();
    let (_, post) = hook.posts(1).await.remove(0);
    let content = &post["value"][0]["encryptedContent"];
    let thumbprint = Sha1::digest(&der).iter().fold(String::new(), |text, byte| format!("{text}{byte:02X}"));
    assert_eq!(
        (&content["encryptionCertificateId"], &content["encryptionCertificateThumbprint"]),
        (&json!("first"), &json!(thumbprint))
    );
    let message = opened(&key, content);
    let shown = stage.get(&format!("/messages/{id}?$select=subject,receivedDateTime,from")).await;
    let mut wanted = shown.clone();
    wanted["receivedDateTime@odata.type"] = json!("#DateTimeOffset");
    wanted["@odata.context"] = message["@odata.context"].clone();
    assert_eq!(message, wanted);
    assert_eq!(post["value"][0]["resourceData"].as_object().unwrap().len(), 3);

    let token = post["validationTokens"][0].as_str().unwrap();
    let keys = stage.get(&format!("{}/common/discovery/v2.0/keys", stage.simulator.base_url())).await;
    let number = |name: &str| {
        rsa::BoxedUint::from_be_slice_vartime(&URL_SAFE_NO_PAD.decode(keys["keys"][0][name].as_str().unwrap()).unwrap())
    };
    let published = rsa::PublicKey::new(number("n"), number("e")).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    published.pkcs1v15_verify::<Sha256>(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let part = |at: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
    };
    assert_eq!(part(0)["kid"], keys["keys"][0]["kid"]);
    let claims = part(1);
    let told = ["aud", "azp", "tid", "iss", "ver"].map(|name| claims[name].as_str().unwrap().to_owned());
    let issuer = format!("{}/contoso.onmicrosoft.com/v2.0", stage.simulator.base_url());
    assert_eq!(told, ["app", "0bf30f3b-4a52-48df-9a82-234910c4a086", "contoso.onmicrosoft.com", &issuer, "2.0"]);

    // What is gone has no content to tell.
    stage.post(&format!("/messages/{id}/permanentDelete"), Value::Null).await;
    let (_, post) = hook.posts(2).await.remove(1);
    assert_eq!((&post["value"][0]["changeType"], post["value"][0].get("encryptedContent")), (&json!("deleted"), None));
    stage.end().await;
    hook.end();
}
