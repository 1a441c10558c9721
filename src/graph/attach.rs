//! Attachments of a draft: small ones by one request, large ones in parts that can be gone on with (Graph, "attach large files").

use std::ops::Range;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;

use super::drafts::{DraftAttachment, attachment_json};
use super::error::{ErrorKind, GraphError};
use super::mailbox::Mailbox;
use super::request::Effect;
use crate::ids::MessageId;
use crate::verdict::Verdict;

/// From this size on an attachment goes by an upload session; below it Graph refuses one (3 MB).
pub const UPLOAD_MIN: usize = 3 * 1024 * 1024;
/// Bytes of one part: below 4 MB and a multiple of 320 KiB, which some services ask for.
const PART: usize = 12 * 320 * 1024;
/// Attachments of a draft that are looked through.
const PAGES_MAX: usize = 5;
const ATTACH: &str = "POST /messages/{id}/attachments";
const LIST: &str = "GET /messages/{id}/attachments";
const START: &str = "POST /messages/{id}/attachments/createUploadSession";
const STATUS: &str = "GET upload session";
const UPLOAD: &str = "PUT upload session";
/// Hosts of Exchange Online's upload addresses beside Graph's own, in its clouds.
const UPLOAD_HOSTS: [&str; 4] = ["outlook.office.com", "outlook.office365.com", "outlook.office365.us", "partner.outlook.cn"];

/// An upload that was begun; its address is the permission and is never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadUrl(String);

impl UploadUrl {
    /// An address that was noted.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address, to be noted.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSession {
    #[serde(default)]
    upload_url: Option<String>,
    #[serde(default)]
    next_expected_ranges: Vec<String>,
}

#[derive(Deserialize)]
struct WireAttachment {
    #[serde(default)]
    name: Option<String>,
}

impl Mailbox {
    /// Adds a small attachment to a draft. Not repeatable: look with [`Mailbox::attachment_names`].
    pub async fn attach(&self, draft: &MessageId, attachment: &DraftAttachment) -> Result<(), GraphError> {
        let call = self.post(ATTACH, Effect::Once, &["messages", draft.as_str(), "attachments"], attachment_json(attachment))?;
        self.make(&call).await.map(drop)
    }

    /// The names of a draft's attachments, each as often as it is there.
    pub async fn attachment_names(&self, draft: &MessageId) -> Result<Vec<String>, GraphError> {
        let call = self.read(LIST, &["messages", draft.as_str(), "attachments"])?.query(&[("$select", "name"), ("$top", "100")]);
        let found: Vec<WireAttachment> = self.list(call, PAGES_MAX).await?;
        Ok(found.into_iter().filter_map(|attachment| attachment.name).collect())
    }

    /// Begins the upload of a large attachment. One that is begun and not gone on with vanishes by itself.
    pub async fn start_upload(&self, draft: &MessageId, attachment: &DraftAttachment) -> Result<UploadUrl, GraphError> {
        let item = json!({ "AttachmentItem": {
            "attachmentType": "file",
            "name": attachment.name,
            "size": attachment.bytes.len(),
            "contentType": attachment.content_type,
        }});
        let path = ["messages", draft.as_str(), "attachments", "createUploadSession"];
        let answer = self.make(&self.post(START, Effect::Repeatable, &path, item)?).await?;
        let session: WireSession = self.json(&answer)?;
        let missing = || self.error(ErrorKind::BadAnswer, Verdict::Retry, START, "the answer holds no address to upload to");
        session.upload_url.map(UploadUrl).ok_or_else(missing)
    }

    /// Uploads what the session still expects, part by part.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when the session is no more: it is complete, or it is begun anew. After any other the same call goes on.
    pub async fn upload(&self, url: &UploadUrl, bytes: &[u8]) -> Result<(), GraphError> {
        let url = self.upload_address(url)?;
        let mut at = self.expected(&url).await?;
        while at < bytes.len() {
            let part = at..bytes.len().min(at + PART);
            at = self.put(&url, bytes, part).await?;
        }
        Ok(())
    }

    fn upload_address(&self, url: &UploadUrl) -> Result<Url, GraphError> {
        let parsed = Url::parse(&url.0).ok().filter(|url| {
            let host = url.host_str().unwrap_or_default();
            self.is_our_origin(url) || (url.scheme() == "https" && UPLOAD_HOSTS.contains(&host))
        });
        parsed.ok_or_else(|| {
            let host = Url::parse(&url.0).map_or_else(|_| "no URL".to_owned(), |url| url.origin().ascii_serialization());
            let told = format!("the upload address leads to {host}, which is no host of the service; nothing was sent there");
            self.error(ErrorKind::ForeignLink, Verdict::Never, UPLOAD, &told)
        })
    }

    /// Where the session goes on.
    async fn expected(&self, url: &Url) -> Result<usize, GraphError> {
        let call = self.open_call(STATUS, Method::GET, url, HeaderMap::new());
        let answer = self.make_open(call, None).await?;
        self.next_offset(&answer, 0)
    }

    async fn put(&self, url: &Url, bytes: &[u8], part: Range<usize>) -> Result<usize, GraphError> {
        let mut headers = HeaderMap::new();
        let range = format!("bytes {}-{}/{}", part.start, part.end - 1, bytes.len());
        for (name, value) in [
            (CONTENT_TYPE, "application/octet-stream".to_owned()),
            (CONTENT_LENGTH, part.len().to_string()),
            (CONTENT_RANGE, range),
        ] {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
        let end = part.end;
        let call = self.open_call(UPLOAD, Method::PUT, url, headers);
        let answer = self.make_open(call, Some(bytes[part].to_vec())).await?;
        // The last part is answered without a body.
        if end == bytes.len() { Ok(end) } else { self.next_offset(&answer, end) }
    }

    fn next_offset(&self, answer: &[u8], otherwise: usize) -> Result<usize, GraphError> {
        let broken = || self.error(ErrorKind::BadAnswer, Verdict::Retry, STATUS, "the answer does not say where to go on");
        let session: WireSession = serde_json::from_slice(answer).map_err(|_| broken())?;
        match session.next_expected_ranges.first() {
            Some(range) => range.split('-').next().and_then(|start| start.parse().ok()).ok_or_else(broken),
            None => Ok(otherwise),
        }
    }
}
