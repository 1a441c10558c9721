//! Managed identities: the metadata service of virtual machines, and App Service's.
//!
//! Their numbers are strings, and they are asked for a resource, not for a scope.

use serde_json::{Value, json};

use super::http::{Answer, Call};
use super::sign_in::issue;
use super::state::Tenant;

/// `GET /metadata/identity/oauth2/token`.
pub(crate) fn of_machine(tenant: &mut Tenant, call: &Call) -> Answer {
    tenant.ledger.count("GET", "/metadata/identity/oauth2/token".to_owned());
    if call.header("metadata") != Some("true") {
        return refused(400, "invalid_request", "Required metadata header not specified");
    }
    token(tenant, call, "2018-02-01")
}

/// `GET $IDENTITY_ENDPOINT`.
pub(crate) fn of_app(tenant: &mut Tenant, call: &Call) -> Answer {
    tenant.ledger.count("GET", "/msi/token".to_owned());
    if call.header("x-identity-header") != Some(tenant.identity_header.as_str()) {
        return refused(401, "unauthorized_client", "The header X-IDENTITY-HEADER is missing or not this app's");
    }
    token(tenant, call, "2019-08-01")
}

fn token(tenant: &mut Tenant, call: &Call, version: &str) -> Answer {
    if call.option("api-version") != Some(version) {
        return refused(400, "bad_request_102", &format!("The api-version must be {version}"));
    }
    let Some(resource) = call.option("resource").filter(|resource| !resource.is_empty() && !resource.ends_with("/.default"))
    else {
        return refused(400, "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.");
    };
    let client = call.option("client_id").unwrap_or("managed-identity").to_owned();
    let lifetime = tenant.token_lifetime.as_secs();
    let now = tenant.clock.now().as_second();
    let token = issue(tenant, &client, "managed");
    let body = json!({
        "access_token": token, "client_id": client, "refresh_token": "", "expires_in": lifetime.to_string(),
        "expires_on": now.saturating_add_unsigned(lifetime).to_string(), "not_before": now.to_string(), "resource": resource,
        "token_type": "Bearer",
    });
    Answer::json(200, body)
}

fn refused(status: u16, error: &str, description: &str) -> Answer {
    let body: Value = json!({ "error": error, "error_description": description });
    Answer::json(status, body)
}
