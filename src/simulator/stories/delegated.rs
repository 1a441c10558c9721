//! People sign in: by a code with PKCE, at a device, and again without being asked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{INVOICES, SUPPORT, Stage, options};
use crate::clock::Clock;
use crate::simulator::Options;

const APP: &str = "00000000-0000-0000-0000-00000000c11e";

async fn post(stage: &Stage, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let text = |value: &str| value.replace('%', "%25").replace('+', "%2B").replace(' ', "+").replace('&', "%26");
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    let url = format!("{}/contoso.onmicrosoft.com/oauth2/v2.0/{path}", stage.simulator.base_url());
    let request = super::client().post(url).header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

async fn as_person(stage: &Stage, token: &str, path: &str) -> u16 {
    let url = format!("{}/v1.0/{path}", stage.simulator.base_url());
    super::client().get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
}

fn told(answer: &(u16, Value)) -> (u16, &str, &Value) {
    (answer.0, answer.1["error"].as_str().unwrap_or_default(), &answer.1["error_codes"][0])
}

#[tokio::test]
async fn a_code_is_redeemed_once_by_who_knows_its_verifier_and_opens_the_persons_own_mailbox() {
    let stage = Stage::begin().await;
    let browser = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest("a verifier"));
    let agreed = async |hint: &str| {
        let url = format!(
            "{}/contoso.onmicrosoft.com/oauth2/v2.0/authorize?client_id={APP}&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%2Fback\
             &scope=Mail.Read%20offline_access&state=a%26b&code_challenge={challenge}&code_challenge_method=S256&login_hint={hint}",
            stage.simulator.base_url()
        );
        let reply = browser.get(url).send().await.unwrap();
        assert_eq!(reply.status(), 302);
        let location = reply.headers()["location"].to_str().unwrap().to_owned();
        let code = location.strip_prefix("http://localhost/back?code=").and_then(|rest| rest.strip_suffix("&state=a%26b"));
        code.unwrap_or_else(|| panic!("{location}")).to_owned()
    };
    let redeem = async |code: &str, verifier: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", APP),
            ("code", code),
            ("redirect_uri", "http://localhost/back"),
            ("code_verifier", verifier),
        ];
        post(&stage, "token", &fields).await
    };
    let code = agreed(SUPPORT).await;
    assert_eq!(told(&redeem(&code, "another").await), (400, "invalid_grant", &json!(50_148)));
    assert_eq!(told(&redeem(&code, "a verifier").await), (400, "invalid_grant", &json!(54_005)));
    let (status, granted) = redeem(&agreed(SUPPORT).await, "a verifier").await;
    assert_eq!((status, &granted["scope"]), (200, &json!("Mail.Read")));

    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(as_person(&stage, token, "me/messages").await, 200);
    assert_eq!(as_person(&stage, token, "users/me-token-to-replace/messages").await, 200);
    assert_eq!(as_person(&stage, token, &format!("users/{INVOICES}/messages")).await, 403);
    assert_eq!(as_person(&stage, token, "me/mailboxSettings").await, 403);

    let refresh = async |client: &str, token: &Value| {
        let fields = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token.as_str().unwrap())];
        post(&stage, "token", &fields).await
    };
    let (status, again) = refresh(APP, &granted["refresh_token"]).await;
    assert_eq!((status, as_person(&stage, again["access_token"].as_str().unwrap(), "me/messages").await), (200, 200));
    assert_ne!(again["refresh_token"], granted["refresh_token"]);
    assert_eq!(refresh(APP, &granted["refresh_token"]).await.0, 200);
    assert_eq!(told(&refresh("another", &granted["refresh_token"]).await), (400, "invalid_grant", &json!(70_002)));
    assert_eq!(told(&refresh(APP, &json!("made up")).await), (400, "invalid_grant", &json!(70_000)));
    stage.end().await;
}

#[tokio::test]
async fn a_device_waits_until_its_person_has_said_a_word() {
    let clock = Clock::by_hand("2026-03-02T09:00:00Z".parse().unwrap());
    let stage = Stage::open(Options { clock: clock.clone(), ..options() }).await;
    let begin = async || post(&stage, "devicecode", &[("client_id", APP), ("scope", "Mail.Read")]).await.1;
    let ask = async |device: &Value| {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        post(
            &stage,
            "token",
            &[("grant_type", grant), ("client_id", APP), ("device_code", device["device_code"].as_str().unwrap())],
        )
        .await
    };
    let say = async |device: &Value, word: Value| {
        let path = format!("/sim/devices/{}", device["user_code"].as_str().unwrap());
        stage.post(&path, word).await.0
    };
    let device = begin().await;
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(900), &json!(5)));
    assert_eq!(told(&ask(&device).await), (400, "authorization_pending", &json!(70_016)));
    assert_eq!((say(&device, json!({})).await, say(&device, json!({ "user": "nobody@contoso.com" })).await), (400, 400));
    assert_eq!(say(&device, json!({ "user": SUPPORT })).await, 204);
    let (status, granted) = ask(&device).await;
    assert_eq!((status, as_person(&stage, granted["access_token"].as_str().unwrap(), "me/messages").await), (200, 200));
    assert_eq!(told(&ask(&device).await), (400, "bad_verification_code", &json!(70_018)));

    let declined = begin().await;
    assert_eq!(say(&declined, json!({ "declined": true })).await, 204);
    assert_eq!(told(&ask(&declined).await), (400, "authorization_declined", &json!(70_017)));

    let late = begin().await;
    clock.advance(std::time::Duration::from_mins(15));
    assert_eq!(told(&ask(&late).await), (400, "expired_token", &json!(70_019)));
    stage.end().await;
}

#[tokio::test]
async fn an_authority_says_where_it_is_discovered() {
    let stage = Stage::begin().await;
    let base = stage.simulator.base_url();
    let url = format!(
        "{base}/common/discovery/instance?api-version=1.1&authorization_endpoint=https%3A%2F%2Flogin.example%2Fcontoso%2Foauth2"
    );
    let found: Value = super::client().get(url).send().await.unwrap().json().await.unwrap();
    let discovery: Value =
        super::client().get(found["tenant_discovery_endpoint"].as_str().unwrap()).send().await.unwrap().json().await.unwrap();
    assert_eq!(discovery["token_endpoint"], json!(format!("{base}/contoso/oauth2/v2.0/token")));
    stage.end().await;
}
