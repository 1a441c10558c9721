//! The sign-in service: client credentials, discovery, and the check of bearer tokens.
//!
//! Assertions are verified where a client is named or anything is registered; else any is taken. How people sign in is `delegated`'s.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::delegated;
use super::http::{Answer, Call, GraphError, Plus, percent_decode};
use super::state::Tenant;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A refusal of the sign-in service.
pub(super) struct Denied {
    status: u16,
    error: &'static str,
    number: u32,
    text: String,
}

pub(super) fn denied(status: u16, error: &'static str, number: u32, text: impl Into<String>) -> Denied {
    Denied { status, error, number, text: text.into() }
}

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(crate) fn token(tenant: &mut Tenant, call: &Call, directory: &str) -> Answer {
    match grant(tenant, call, directory) {
        Ok(answer) => answer,
        Err(refused) => refuse(tenant, refused),
    }
}

/// The sign-in service's answer to a scripted refusal.
pub(crate) fn scripted_refusal(tenant: &mut Tenant, status: u16) -> Answer {
    let (error, number, text) = match status {
        401 => ("invalid_client", 7_000_215, "Invalid client secret provided."),
        400..=499 if status != 429 => ("invalid_request", 900_144, "The request is not acceptable."),
        _ => ("temporarily_unavailable", 90_033, "A transient error has occurred. Please try again."),
    };
    refuse(tenant, denied(status, error, number, text))
}

/// What a 401 says when policy wants to see another token: what that one must prove.
pub(crate) fn challenge() -> String {
    let claims = STANDARD.encode(r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#);
    format!(
        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", error=\"insufficient_claims\", claims=\"{claims}\""
    )
}

pub(super) fn refuse(tenant: &mut Tenant, refused: Denied) -> Answer {
    let (trace, correlation) = (tenant.names.guid(), tenant.names.guid());
    let at = tenant.clock.now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let Denied { status, error, number, text } = refused;
    let body = json!({
        "error": error,
        "error_description": format!("AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"),
        "error_codes": [number],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    // By the tenant's clock, as everything else here.
    Answer::json(status, body).with("date", tenant.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

fn grant(tenant: &mut Tenant, call: &Call, directory: &str) -> Result<Answer, Denied> {
    if ["common", "consumers", "organizations"].contains(&directory.to_lowercase().as_str()) {
        let text =
            "The grant type is not supported over the /common or /consumers endpoints. Please use a tenant-specific endpoint.";
        return Err(denied(400, "invalid_request", 9_001_023, text));
    }
    let form = Form::of(call);
    let need = |name: &'static str| {
        form.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            denied(400, "invalid_request", 900_144, format!("The request body must contain the following parameter: '{name}'."))
        })
    };
    let kind = need("grant_type")?;
    let endpoint = format!("{}/{directory}/oauth2/v2.0/token", call.base);
    if ["authorization_code", "refresh_token", DEVICE_CODE].contains(&kind) {
        return delegated::grant(tenant, &form, kind, (directory, &endpoint));
    }
    if kind != "client_credentials" {
        return Err(denied(400, "unsupported_grant_type", 70_003, "The app requested an unsupported grant type."));
    }
    let client = form.client_id().map_or_else(|| need("client_id"), Ok)?.to_owned();
    let scope = need("scope")?;
    if scope.split_whitespace().count() != 1 || !scope.ends_with("/.default") {
        let text = format!("The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.");
        return Err(denied(400, "invalid_scope", 1_002_012, text));
    }
    check_client(tenant, &form, &client, &endpoint)?;
    let is_object = |claims: &str| serde_json::from_str::<Value>(claims).is_ok_and(|claims| claims.is_object());
    if form.get("claims").is_some_and(|claims| !is_object(claims)) {
        return Err(denied(400, "invalid_request", 90_014, "The field 'claims' is not valid: it must be a JSON object."));
    }
    let lifetime = tenant.token_lifetime.as_secs();
    let token = issue(tenant, &client, directory);
    let body = json!({"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token});
    Ok(Answer::json(200, body).with("cache-control", "no-store, no-cache"))
}

pub(super) fn check_client(tenant: &Tenant, form: &Form, client: &str, endpoint: &str) -> Result<(), Denied> {
    let secret = form.secret().filter(|secret| !secret.is_empty());
    if tenant.client.as_ref().is_some_and(|(id, _)| !client.eq_ignore_ascii_case(id)) {
        let text = format!("Application with identifier '{client}' was not found in the directory.");
        return Err(denied(400, "unauthorized_client", 700_016, text));
    }
    if let (Some(secret), Some((_, wanted))) = (secret, &tenant.client)
        && secret != wanted
    {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."
        );
        return Err(denied(401, "invalid_client", 7_000_215, text));
    }
    if secret.is_some() {
        return Ok(());
    }
    let Some(assertion) = form.get("client_assertion").filter(|assertion| !assertion.is_empty()) else {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return Err(denied(401, "invalid_client", 7_000_218, text));
    };
    if tenant.client.is_none() && tenant.registered.is_empty() {
        return Ok(());
    }
    if form.get("client_assertion_type") != Some(JWT_BEARER) {
        return Err(denied(400, "invalid_request", 90_014, format!("The field 'client_assertion_type' must be '{JWT_BEARER}'.")));
    }
    tenant.registered.check(assertion, client, endpoint, tenant.clock.now())
}

/// An application's access token.
pub(super) fn issue(tenant: &mut Tenant, client: &str, directory: &str) -> String {
    issue_to(tenant, client, directory, None)
}

/// An access token by which an application acts for a person, within a scope.
pub(super) fn token_for_person(tenant: &mut Tenant, client: &str, directory: &str, person: (&str, &str)) -> String {
    issue_to(tenant, client, directory, Some(person))
}

fn issue_to(tenant: &mut Tenant, client: &str, directory: &str, person: Option<(&str, &str)>) -> String {
    let now = tenant.clock.now();
    let ends = now.checked_add(jiff::SignedDuration::try_from(tenant.token_lifetime).unwrap_or_default()).unwrap_or(now);
    let (id, object) = (tenant.names.guid(), tenant.names.guid());
    let mut claims = json!({
        "aud": "https://graph.microsoft.com", "iss": format!("https://sts.windows.net/{directory}/"), "appid": client,
        "iat": now.as_second(), "nbf": now.as_second(), "exp": ends.as_second(), "oid": object, "sub": object,
        "tid": directory, "uti": id, "ver": "1.0",
    });
    match person {
        None => (claims["idtyp"], claims["roles"]) = (json!("app"), json!(tenant.access.roles_in_token())),
        Some((user, scope)) => {
            (claims["idtyp"], claims["scp"], claims["upn"]) = (json!("user"), json!(scope), json!(user));
        }
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "RS256"})), part(&claims));
    let token = format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{}{unsigned}", tenant.seed))));
    tenant.tokens.retain(|_, ends| *ends > now);
    tenant.tokens.insert(token.clone(), ends);
    token
}

/// Refuses a Graph call without a token that was given here and still holds.
pub(crate) fn check_bearer(tenant: &Tenant, call: &Call) -> Result<(), GraphError> {
    let refuse = |text: &str| {
        Err(GraphError::new(401, "InvalidAuthenticationToken", text).with(
            "www-authenticate",
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\"",
        ))
    };
    let header = call.header("authorization").unwrap_or_default();
    let Some(token) =
        header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim())
    else {
        return refuse("Access token is empty.");
    };
    match tenant.tokens.get(token) {
        Some(ends) if *ends > tenant.clock.now() => Ok(()),
        Some(_) => refuse("Lifetime validation failed, the token is expired."),
        None => refuse("Access token validation failure. Invalid audience or signature."),
    }
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`: endpoints on the origin that was asked.
pub(crate) fn discovery(call: &Call, directory: &str) -> Answer {
    let login = format!("{}/{directory}", call.base);
    Answer::json(
        200,
        json!({
            "token_endpoint": format!("{login}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{login}/discovery/v2.0/keys"),
            "issuer": format!("{login}/v2.0"),
            "authorization_endpoint": format!("{login}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{login}/oauth2/v2.0/devicecode"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "msgraph_host": call.base.split("://").nth(1),
        }),
    )
}

/// The fields of a token request and its Basic header.
pub(super) struct Form {
    fields: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

impl Form {
    pub fn of(call: &Call) -> Self {
        let text = String::from_utf8_lossy(&call.body).into_owned();
        let decode = |text: &str| percent_decode(text, Plus::Space);
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let fields = pairs.map(|(name, value)| (decode(name), decode(value))).collect();
        let basic = call.header("authorization").and_then(|header| header.split_once(' ')).and_then(|(scheme, value)| {
            let decoded = STANDARD.decode(value.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
            let (id, secret) =
                String::from_utf8(decoded).ok()?.split_once(':').map(|(id, secret)| (decode(id), decode(secret)))?;
            Some((id, secret))
        });
        Self { fields, basic }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn client_id(&self) -> Option<&str> {
        self.get("client_id").or(self.basic.as_ref().map(|(id, _)| id.as_str()))
    }

    /// Whether the client brings something to be known by.
    pub fn proves_client(&self) -> bool {
        self.secret().is_some() || self.get("client_assertion").is_some()
    }

    fn secret(&self) -> Option<&str> {
        self.get("client_secret").or(self.basic.as_ref().map(|(_, secret)| secret.as_str()))
    }
}
