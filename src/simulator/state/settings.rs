//! What a mailbox's owner sets.

use serde_json::{Map, Value, json};

/// A mailbox's settings as Graph shows them.
#[derive(Clone, Debug)]
pub(crate) struct Settings(pub Map<String, Value>);

impl Default for Settings {
    /// A shared mailbox in UTC.
    fn default() -> Self {
        let settings = json!({
            "archiveFolder": null,
            "timeZone": "UTC",
            "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
            "dateFormat": "yyyy-MM-dd",
            "timeFormat": "HH:mm",
            "userPurpose": "shared",
            "automaticRepliesSetting": {
                "status": "disabled",
                "externalAudience": "all",
                "internalReplyMessage": "",
                "externalReplyMessage": "",
                "scheduledStartDateTime": {"dateTime": "2026-01-01T00:00:00.0000000", "timeZone": "UTC"},
                "scheduledEndDateTime": {"dateTime": "2026-01-02T00:00:00.0000000", "timeZone": "UTC"},
            },
            "language": {"locale": "en-US", "displayName": "English (United States)"},
            "workingHours": {
                "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
                "startTime": "08:00:00.0000000",
                "endTime": "17:00:00.0000000",
                "timeZone": {"name": "UTC"},
            },
        });
        Self(settings.as_object().cloned().unwrap_or_default())
    }
}
