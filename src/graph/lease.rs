//! A note of our own on a folder: by it the processes that serve one mailbox know of each other.

use reqwest::Method;
use serde_json::json;

use super::error::{ErrorKind, GraphError};
use super::folders::Visibility;
use super::mailbox::{Mailbox, literal};
use super::request::{Call, Effect};
use super::wire::WireFolder;
use crate::ids::FolderId;

/// The property that holds the lease. Its GUID never changes: a mailbox has a quota of property names.
const LEASE: &str = "String {c3d7a1f4-52e8-4b06-8d19-0be64f7a93d5} Name postroom.lease";
const READ: &str = "GET /mailFolders/{id} (lease)";
const WRITE: &str = "PATCH /mailFolders/{id} (lease)";
const CREATE: &str = "POST /mailFolders";

/// A folder of our own at the top of the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OurFolder {
    /// This call made it: of several that try at the same time, one does.
    Made(FolderId),
    /// It was there.
    Found(FolderId),
}

impl OurFolder {
    /// Its id.
    pub fn id(&self) -> &FolderId {
        match self {
            Self::Made(id) | Self::Found(id) => id,
        }
    }
}

impl Mailbox {
    /// The hidden folder of this name, and whether it was this call that made it.
    pub async fn our_folder(&self, name: &str) -> Result<OurFolder, GraphError> {
        if let Some(found) = self.folder(name).await? {
            return Ok(OurFolder::Found(found));
        }
        let body = json!({ "displayName": name, "isHidden": true });
        let call = self.post(CREATE, Effect::Repeatable, &["mailFolders"], body)?;
        match self.make(&call).await {
            Ok(answer) => Ok(OurFolder::Made(FolderId::new(self.json::<WireFolder>(&answer)?.id))),
            Err(error) if error.kind == ErrorKind::Conflict => {
                self.create_folder(name, Visibility::Hidden).await.map(OurFolder::Found)
            }
            Err(error) => Err(error),
        }
    }

    /// What the folder's lease says, if it has one.
    pub async fn lease(&self, folder: &FolderId) -> Result<Option<String>, GraphError> {
        let expand = format!("singleValueExtendedProperties($filter=id eq {})", literal(LEASE));
        let call = self.read(READ, &["mailFolders", folder.as_str()])?.query(&[("$select", "id"), ("$expand", &expand)]);
        let found = self.json::<WireFolder>(&self.make(&call).await?)?;
        Ok(found.single_value_extended_properties.unwrap_or_default().into_iter().find_map(|property| property.value))
    }

    /// Writes the folder's lease over whatever it said. Unclear: read it.
    pub async fn write_lease(&self, folder: &FolderId, lease: &str) -> Result<(), GraphError> {
        let call = self.call(WRITE, Method::PATCH, Effect::Repeatable, &["mailFolders", folder.as_str()])?;
        let body = json!({ "singleValueExtendedProperties": [{ "id": LEASE, "value": lease }] });
        self.make(&Call { body: Some(body), ..call }).await.map(drop)
    }
}
