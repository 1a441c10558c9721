//! Subscriptions to what arrives in a folder (Graph, "subscription resource type").

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::error::{ErrorKind, GraphError};
use super::mailbox::Mailbox;
use super::request::{Call, Effect};
use crate::ids::FolderId;
use crate::verdict::Verdict;

const CREATE: &str = "POST /subscriptions";
const LIST: &str = "GET /subscriptions";
const RENEW: &str = "PATCH /subscriptions/{id}";
const REAUTHORIZE: &str = "POST /subscriptions/{id}/reauthorize";
const DELETE: &str = "DELETE /subscriptions/{id}";
/// An application's subscriptions of a tenant come in pages of 100 and more.
const PAGES_MAX: usize = 100;

/// A subscription as the service has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// What it is to.
    pub resource: String,
    /// Where it is told.
    #[serde(rename = "notificationUrl")]
    pub url: String,
    /// When it ends unless it is renewed.
    #[serde(rename = "expirationDateTime")]
    pub expires: Timestamp,
}

impl Mailbox {
    /// What a subscription to a folder's arrivals names as its resource.
    pub fn arrivals_in(&self, folder: &FolderId) -> String {
        format!("users/{}/mailFolders('{}')/messages", self.address(), folder.as_str())
    }

    /// Subscribes to what arrives in a folder. The service asks `url` at once whether it wants that, and says `secret` with all it tells.
    pub async fn subscribe(
        &self,
        folder: &FolderId,
        (url, secret): (&str, &str),
        until: Timestamp,
    ) -> Result<Subscription, GraphError> {
        let body = json!({
            "changeType": "created",
            "resource": self.arrivals_in(folder),
            "notificationUrl": url,
            "lifecycleNotificationUrl": url,
            "clientState": secret,
            "expirationDateTime": until.to_string(),
        });
        let call = Call { body: Some(body), ..self.tenant_call(CREATE, Method::POST, Effect::Repeatable, &["subscriptions"])? };
        let made: Subscription = self.json(&self.make(&call).await?)?;
        self.plausible(CREATE, made)
    }

    /// All subscriptions of this application.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, GraphError> {
        self.list(self.tenant_call(LIST, Method::GET, Effect::Read, &["subscriptions"])?, PAGES_MAX).await
    }

    /// Lets a subscription live until then, which authorises it anew as well; `None` when the service has it no more.
    pub async fn renew(&self, id: &str, until: Timestamp) -> Result<Option<Subscription>, GraphError> {
        let call = self.tenant_call(RENEW, Method::PATCH, Effect::Repeatable, &["subscriptions", id])?;
        let call = Call { body: Some(json!({ "expirationDateTime": until.to_string() })), ..call };
        match self.make(&call).await {
            Ok(answer) => Ok(Some(self.plausible(RENEW, self.json(&answer)?)?)),
            Err(error) if error.status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says that the application may still be told.
    pub async fn reauthorize(&self, id: &str) -> Result<(), GraphError> {
        let call = self.tenant_call(REAUTHORIZE, Method::POST, Effect::Repeatable, &["subscriptions", id, "reauthorize"])?;
        self.make(&Call { answer_max: 0, ..call }).await.map(drop)
    }

    /// Ends a subscription; one that is not there is ended.
    pub async fn unsubscribe(&self, id: &str) -> Result<(), GraphError> {
        let call = self.tenant_call(DELETE, Method::DELETE, Effect::Repeatable, &["subscriptions", id])?;
        match self.make(&Call { answer_max: 0, ..call }).await {
            Err(error) if error.status != Some(404) => Err(error),
            _ => Ok(()),
        }
    }

    fn plausible(&self, call: &'static str, subscription: Subscription) -> Result<Subscription, GraphError> {
        let is_plausible = (1..=200).contains(&subscription.id.len());
        is_plausible.then_some(subscription).ok_or_else(|| {
            self.error(ErrorKind::BadAnswer, Verdict::Retry, call, "the subscription has no id, or one without measure")
        })
    }
}
