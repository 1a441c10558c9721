//! What has left: copies in Sent Items, ours and people's.

use jiff::Timestamp;

use super::drafts::MARKER;
use super::error::GraphError;
use super::mailbox::{Mailbox, literal};
use super::request::Call;
use super::wire::WireMessage;
use crate::ids::MessageId;

const FIND: &str = "GET /mailFolders/sentitems/messages";
const PAGES_MAX: usize = 20;
const PAGE: &str = "100";

/// A copy in Sent Items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCopy {
    /// Immutable id; as a rule that of the draft it was.
    pub id: MessageId,
    /// Message-ID with its angle brackets.
    pub internet_message_id: Option<String>,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// Who wrote it.
    pub writer: Writer,
}

/// Who wrote a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// It bears a mark of an action.
    Rules,
    /// It bears none.
    Person,
}

impl Mailbox {
    /// What was sent since, oldest first where the service keeps to it. A mail that was accepted may come here minutes later.
    pub async fn sent_since(&self, since: Timestamp) -> Result<Vec<SentCopy>, GraphError> {
        let filter = format!("sentDateTime ge {}", since.strftime("%Y-%m-%dT%H:%M:%SZ"));
        self.sent_copies(self.sent_items()?.query(&[
            ("$filter", &filter),
            ("$select", "id,internetMessageId,sentDateTime"),
            ("$top", PAGE),
        ]))
        .await
    }

    /// What was sent in a conversation, by whom.
    pub async fn sent_in_conversation(&self, conversation: &str) -> Result<Vec<SentCopy>, GraphError> {
        // Not ordered by the service: Exchange refuses an order by a property that the filter does not begin with.
        let filter = format!("conversationId eq {}", literal(conversation));
        let mark = format!("singleValueExtendedProperties($filter=id eq {})", literal(MARKER));
        self.sent_copies(self.sent_items()?.query(&[
            ("$filter", &filter),
            ("$select", "id,internetMessageId,sentDateTime"),
            ("$expand", &mark),
            ("$top", PAGE),
        ]))
        .await
    }

    fn sent_items(&self) -> Result<Call, GraphError> {
        self.read(FIND, &["mailFolders", "sentitems", "messages"])
    }

    async fn sent_copies(&self, call: Call) -> Result<Vec<SentCopy>, GraphError> {
        let found: Vec<WireMessage> = self.list(call, PAGES_MAX).await?;
        let copy = |message: WireMessage| SentCopy {
            sent: message.sent_date_time.as_deref().and_then(|time| time.parse().ok()),
            writer: match &message.single_value_extended_properties {
                Some(properties) if !properties.is_empty() => Writer::Rules,
                _ => Writer::Person,
            },
            id: MessageId::new(message.id),
            internet_message_id: message.internet_message_id,
        };
        Ok(found.into_iter().map(copy).collect())
    }
}
