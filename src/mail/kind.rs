//! What kind of mail it is, by its header: reply, automatic, absence, bounce, bulk, meeting.

use super::content::Content;
use super::message::{Message, NeedsContent};

impl Message {
    /// It answers another message: In-Reply-To or References, or a subject that begins with `Re:` in one of the languages served.
    pub fn is_reply(&self) -> Result<bool, NeedsContent> {
        if self.subject_begins(&["re:", "aw:", "sv:", "antw:", "odp:", "res:", "rif:", "vs:", "ref:", "rép:", "rép :", "re :"])
        {
            return Ok(true);
        }
        Ok(self.has("In-Reply-To")? || self.has("References")?)
    }

    /// Written by a program in answer or by itself: Auto-Submitted other than `no` (RFC 3834 §5), or what programs set instead.
    pub fn is_auto_reply(&self) -> Result<bool, NeedsContent> {
        if let Some(value) = self.header("Auto-Submitted")?
            && !first_word(value).eq_ignore_ascii_case("no")
        {
            return Ok(true);
        }
        if self.has("X-Autoreply")? || self.has("X-Autorespond")? || self.has("X-Auto-Response")? {
            return Ok(true);
        }
        let precedence = self.header("Precedence")?.unwrap_or_default();
        Ok(first_word(precedence).eq_ignore_ascii_case("auto_reply") || self.is_out_of_office()?)
    }

    /// A notice of absence: an automatic reply that says so in its subject, or that Exchange marks so.
    pub fn is_out_of_office(&self) -> Result<bool, NeedsContent> {
        let class =
            self.header("X-MS-Exchange-Inbox-Rules-Loop")?.is_some() || self.header("X-Auto-Response-Suppress")?.is_some();
        let is_automatic = match self.header("Auto-Submitted")? {
            Some(value) => {
                first_word(value).eq_ignore_ascii_case("auto-replied") || first_word(value).eq_ignore_ascii_case("auto-generated")
            }
            None => class,
        };
        Ok(self.subject_begins(&[
            "automatic reply",
            "out of office",
            "out-of-office",
            "automatische antwort",
            "abwesenheitsnotiz",
            "abwesend",
            "abwesenheit",
            "réponse automatique",
            "absence du bureau",
            "automatisch antwoord",
            "afwezig",
            "risposta automatica",
            "fuori sede",
            "respuesta automática",
            "fuera de la oficina",
            "resposta automática",
            "odpowiedź automatyczna",
            "autosvar",
            "automatiskt svar",
            "automatisk svar",
            "automaattinen vastaus",
            "автоматический ответ",
        ]) && (is_automatic || self.has("X-Autoreply")?))
    }

    /// A report that something was not delivered. A notice of delay is none.
    pub fn is_bounce(&self) -> Result<bool, NeedsContent> {
        // A listing has the header but not the report itself, which alone tells a failure from a delay.
        if !self.may_be_report()? {
            return Ok(false);
        }
        Ok(self.bounce()?.is_some())
    }

    /// Sent to many: a mailing list, a newsletter, anything that calls itself bulk.
    pub fn is_bulk(&self) -> Result<bool, NeedsContent> {
        if let Some(value) = self.header("Precedence")?
            && matches!(first_word(value).to_ascii_lowercase().as_str(), "bulk" | "list" | "junk")
        {
            return Ok(true);
        }
        Ok(self.list_header()?.is_some() || self.has("Feedback-ID")? || self.has("X-Campaign-ID")?)
    }

    /// An invitation, an answer to one, or a cancellation: it carries a calendar object with a method.
    pub fn is_meeting(&self) -> Result<bool, NeedsContent> {
        if self.header("Content-Class")?.is_some_and(|class| class.to_ascii_lowercase().contains("calendarmessage")) {
            return Ok(true);
        }
        let has_calendar =
            |content: &Content| content.part_types().any(|(kind, method)| kind == "text/calendar" && method.is_some());
        match self.content() {
            Ok(content) => Ok(has_calendar(content)),
            // A plain text mail, as the header says, holds no calendar; any other must be opened.
            Err(needed) => match self.header("Content-Type")? {
                Some(kind) if kind.trim_start().to_ascii_lowercase().starts_with("text/calendar") => Ok(true),
                Some(kind) if kind.trim_start().to_ascii_lowercase().starts_with("text/") => Ok(false),
                None => Ok(false),
                Some(_) => Err(needed),
            },
        }
    }

    /// The first `List-…` field that only mailing lists set.
    pub(super) fn list_header(&self) -> Result<Option<&str>, NeedsContent> {
        let named = ["List-Id", "List-Post", "List-Unsubscribe", "List-Help", "List-Subscribe", "List-Owner", "List-Archive"];
        let headers = self.headers()?;
        Ok(headers
            .iter()
            .find(|header| named.iter().any(|name| header.name.eq_ignore_ascii_case(name)))
            .map(|header| header.name.as_str()))
    }

    pub(super) fn has(&self, name: &str) -> Result<bool, NeedsContent> {
        Ok(self.header(name)?.is_some())
    }

    fn subject_begins(&self, words: &[&str]) -> bool {
        let subject = self.envelope.subject.as_deref().unwrap_or_default().trim_start();
        let beginning: String = subject.chars().take(40).flat_map(char::to_lowercase).collect();
        words.iter().any(|word| beginning.starts_with(word))
    }
}

/// What stands before the first parameter or comment.
pub(super) fn first_word(value: &str) -> &str {
    value.split([';', '(', ' ', '\t', ',']).find(|word| !word.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(header: &str) -> Message {
        Message::from_raw(format!("From: a@fabrikam.com\r\n{header}\r\n\r\ntext\r\n").into_bytes(), "a.eml")
    }

    #[test]
    fn kinds_are_told_by_the_header() {
        assert_eq!(mail("Subject: AW: Order").is_reply(), Ok(true));
        assert_eq!(mail("In-Reply-To: <1@contoso.com>").is_reply(), Ok(true));
        assert_eq!(mail("Subject: Review").is_reply(), Ok(false));
        assert_eq!(mail("Auto-Submitted: auto-generated (by cron)").is_auto_reply(), Ok(true));
        assert_eq!(mail("Auto-Submitted: no").is_auto_reply(), Ok(false));
        assert_eq!(
            mail("Subject: Automatische Antwort: Bestellung\r\nAuto-Submitted: auto-replied").is_out_of_office(),
            Ok(true)
        );
        assert_eq!(mail("Subject: Automatische Antwort einrichten").is_out_of_office(), Ok(false));
        assert_eq!(mail("Precedence: Bulk").is_bulk(), Ok(true));
        assert_eq!(mail("List-Unsubscribe: <mailto:u@fabrikam.com>").is_bulk(), Ok(true));
        assert_eq!(mail("Subject: hello").is_bulk(), Ok(false));
        assert_eq!(mail("Content-Type: text/calendar; method=REQUEST").is_meeting(), Ok(true));
        assert_eq!(mail("Content-Type: text/plain").is_meeting(), Ok(false));
    }
}
