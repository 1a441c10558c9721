//! Signing in as a person: the authorization code flow with PKCE, the device code flow, refresh tokens.
//!
//! Nobody sits at this tenant, so `authorize` agrees at once, as the person named by `login_hint` or the first mailbox; a device waits
//! until somebody says so at `POST /sim/devices/{user_code}`.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::{Answer, Call};
use super::routes::encode;
use super::sign_in::{Denied, Form, check_client, denied, refuse, token_for_person};
use super::state::Tenant;

/// How long a code waits to be redeemed.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// How long a device waits for its person.
const DEVICE_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// Who signs in, for what.
#[derive(Clone, Debug)]
pub(crate) struct Consent {
    client: String,
    /// The person's mailbox.
    pub user: String,
    scope: String,
}

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Delegated {
    codes: HashMap<String, Code>,
    /// By device code.
    devices: HashMap<String, Device>,
    refresh: HashMap<String, Consent>,
}

#[derive(Debug)]
struct Code {
    consent: Consent,
    redirect_uri: String,
    challenge: Option<String>,
    ends: Timestamp,
    is_used: bool,
}

#[derive(Debug)]
struct Device {
    client: String,
    scope: String,
    user_code: String,
    ends: Timestamp,
    word: Option<Result<String, ()>>,
}

/// `GET /{tenant}/oauth2/v2.0/authorize`: agrees, and sends the browser back.
pub(crate) fn authorize(tenant: &mut Tenant, call: &Call) -> Answer {
    match agree(tenant, call) {
        Ok(location) => Answer::empty(302).with("location", location),
        Err(refused) => refuse(tenant, refused),
    }
}

fn agree(tenant: &mut Tenant, call: &Call) -> Result<String, Denied> {
    let need = |name: &'static str| {
        call.option(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            denied(400, "invalid_request", 900_144, format!("The request must contain the following parameter: '{name}'."))
        })
    };
    if need("response_type")? != "code" {
        return Err(denied(400, "unsupported_response_type", 70_005, "The response type is not supported: it must be 'code'."));
    }
    let (client, redirect_uri, scope) = (need("client_id")?, need("redirect_uri")?, need("scope")?);
    if call.option("code_challenge_method").is_some_and(|method| method != "S256") {
        return Err(denied(400, "invalid_request", 90_014, "The field 'code_challenge_method' must be 'S256'."));
    }
    let separator = match call.option("response_mode").unwrap_or("query") {
        "query" => {
            if redirect_uri.contains('?') {
                '&'
            } else {
                '?'
            }
        }
        "fragment" => '#',
        _ => return Err(denied(400, "invalid_request", 90_014, "The field 'response_mode' must be 'query' or 'fragment' here.")),
    };
    let user =
        call.option("login_hint").and_then(|hint| tenant.mailbox_address(hint)).or(tenant.mailboxes.keys().next().cloned());
    let user = user.ok_or_else(|| denied(400, "invalid_request", 50_034, "There is no person in this directory."))?;
    let code = Code {
        consent: Consent { client: client.to_owned(), user, scope: scope.to_owned() },
        redirect_uri: redirect_uri.to_owned(),
        challenge: call.option("code_challenge").map(str::to_owned),
        ends: later(tenant, CODE_LIFE),
        is_used: false,
    };
    let word = tenant.names.guid();
    let state = call.option("state").map(|state| format!("&state={}", encode(state))).unwrap_or_default();
    let location = format!("{redirect_uri}{separator}code={word}{state}");
    tenant.delegated.codes.insert(word, code);
    Ok(location)
}

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(crate) fn device_code(tenant: &mut Tenant, call: &Call) -> Answer {
    let form = Form::of(call);
    let (Some(client), Some(scope)) = (form.client_id(), form.get("scope")) else {
        let text = "The request body must contain the following parameters: 'client_id' and 'scope'.";
        return refuse(tenant, denied(400, "invalid_request", 900_144, text));
    };
    let (client, scope) = (client.to_owned(), scope.to_owned());
    let device_code = tenant.names.guid();
    let user_code = tenant.names.guid().replace('-', "")[..9].to_uppercase();
    let ends = later(tenant, DEVICE_LIFE);
    tenant
        .delegated
        .devices
        .insert(device_code.clone(), Device { client, scope, user_code: user_code.clone(), ends, word: None });
    let place = format!("{}/devicelogin", call.base);
    let message =
        format!("To sign in, use a web browser to open the page {place} and enter the code {user_code} to authenticate.");
    Answer::json(
        200,
        json!({
            "device_code": device_code, "user_code": user_code, "verification_uri": place, "expires_in": DEVICE_LIFE.as_secs(),
            "interval": 5, "message": message,
        }),
    )
}

/// `POST /sim/devices/{user_code}`: the person at the device agrees (`{"user": ADDRESS}`) or does not (`{"declined": true}`).
pub(crate) fn say(tenant: &mut Tenant, user_code: &str, word: &Value) -> Result<(), String> {
    let user = match (&word["declined"], word["user"].as_str()) {
        (Value::Bool(true), _) => Err(()),
        (_, Some(user)) => Ok(tenant.mailbox_address(user).ok_or_else(|| format!("there is no mailbox {user}"))?),
        _ => return Err("the body must be {\"user\": ADDRESS} or {\"declined\": true}".to_owned()),
    };
    let device = tenant.delegated.devices.values_mut().find(|device| device.user_code.eq_ignore_ascii_case(user_code));
    device.ok_or_else(|| format!("no device waits with the code {user_code}"))?.word = Some(user);
    Ok(())
}

/// A grant of a person's: a code, a device's, or what was granted before.
pub(super) fn grant(tenant: &mut Tenant, form: &Form, kind: &str, (directory, endpoint): (&str, &str)) -> Result<Answer, Denied> {
    let need = |name: &'static str| {
        form.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            denied(400, "invalid_request", 900_144, format!("The request body must contain the following parameter: '{name}'."))
        })
    };
    let client = form.client_id().map_or_else(|| need("client_id"), Ok)?.to_owned();
    if form.proves_client() {
        check_client(tenant, form, &client, endpoint)?;
    }
    let consent = match kind {
        "authorization_code" => redeem(tenant, need("code")?, need("redirect_uri")?, form.get("code_verifier"))?,
        "refresh_token" => {
            let known = tenant.delegated.refresh.get(need("refresh_token")?).cloned();
            known.ok_or_else(|| {
                denied(400, "invalid_grant", 70_000, "The provided value for the input parameter 'refresh_token' is not valid.")
            })?
        }
        _ => ask_device(tenant, need("device_code")?)?,
    };
    if !consent.client.eq_ignore_ascii_case(&client) {
        return Err(denied(400, "invalid_grant", 70_002, "The grant was issued to another client."));
    }
    let words = || consent.scope.split_whitespace();
    let scope: Vec<&str> =
        words().map(|word| word.rsplit('/').next().unwrap_or(word)).filter(|word| *word != "offline_access").collect();
    let token = token_for_person(tenant, &client, directory, (&consent.user, &scope.join(" ")));
    let lifetime = tenant.token_lifetime.as_secs();
    let mut body = json!({
        "token_type": "Bearer", "scope": scope.join(" "), "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token,
    });
    if words().any(|word| word == "offline_access") {
        let refresh = tenant.names.guid();
        body["refresh_token"] = json!(refresh);
        // The one before stays valid, as Microsoft's does.
        tenant.delegated.refresh.insert(refresh, consent);
    }
    Ok(Answer::json(200, body).with("cache-control", "no-store, no-cache"))
}

fn redeem(tenant: &mut Tenant, code: &str, redirect_uri: &str, verifier: Option<&str>) -> Result<Consent, Denied> {
    let now = tenant.clock.now();
    let invalid = |number, text: &str| denied(400, "invalid_grant", number, text);
    let found = tenant.delegated.codes.get_mut(code);
    let found = found.ok_or_else(|| invalid(70_000, "The provided value for the input parameter 'code' is not valid."))?;
    if std::mem::replace(&mut found.is_used, true) {
        return Err(invalid(54_005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code."));
    }
    if found.ends <= now {
        return Err(invalid(70_008, "The provided authorization code has expired. Send a new authorization request."));
    }
    if found.redirect_uri != redirect_uri {
        return Err(invalid(50_011, "The redirect URI in the request does not match the one of the authorization request."));
    }
    let proof = verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    if found.challenge != proof {
        return Err(invalid(
            50_148,
            "The code_verifier does not match the code_challenge supplied in the authorization request.",
        ));
    }
    Ok(found.consent.clone())
}

fn ask_device(tenant: &mut Tenant, code: &str) -> Result<Consent, Denied> {
    let now = tenant.clock.now();
    let Some(device) = tenant.delegated.devices.get(code) else {
        return Err(denied(400, "bad_verification_code", 70_018, "The verification code is not valid."));
    };
    if device.ends <= now {
        return Err(denied(400, "expired_token", 70_019, "The verification code has expired."));
    }
    let consent = match &device.word {
        None => return Err(denied(400, "authorization_pending", 70_016, "The person has not signed in yet. Ask again later.")),
        Some(Err(())) => return Err(denied(400, "authorization_declined", 70_017, "The person declined to sign in.")),
        Some(Ok(user)) => Consent { client: device.client.clone(), user: user.clone(), scope: device.scope.clone() },
    };
    tenant.delegated.devices.remove(code);
    Ok(consent)
}

fn later(tenant: &Tenant, span: SignedDuration) -> Timestamp {
    let now = tenant.clock.now();
    now.checked_add(span).unwrap_or(now)
}

/// `GET /common/discovery/instance`: which authority an address belongs to.
pub(crate) fn instance(call: &Call) -> Answer {
    let host = call.base.split("://").nth(1).unwrap_or_default();
    let asked = call.option("authorization_endpoint").unwrap_or_default();
    let Some(tenant) = asked.split("://").nth(1).and_then(|rest| rest.split('/').nth(1)).filter(|tenant| !tenant.is_empty())
    else {
        return Answer::json(
            400,
            json!({"error": "invalid_instance", "error_description": "AADSTS50049: Unknown or invalid instance."}),
        );
    };
    Answer::json(
        200,
        json!({
            "tenant_discovery_endpoint": format!("{}/{tenant}/v2.0/.well-known/openid-configuration", call.base),
            "api-version": call.option("api-version").unwrap_or("1.1"),
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }),
    )
}
