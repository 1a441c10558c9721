//! Accepted is not delivered: mail that the service took is looked for in Sent Items until it is seen there, or a person is told.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Executor, ServedMailbox};
use crate::clock::from_ms;
use crate::graph::{GraphError, SentCopy};
use crate::ids::{MailboxName, MessageId};
use crate::journal::{AcceptedMail, JournalError};

/// Mails looked for at once.
const BATCH: usize = 200;
/// How far before it was accepted a copy may say that it was sent: clocks differ.
const BEFORE: SignedDuration = SignedDuration::from_mins(15);

impl Executor {
    /// Looks for accepted mail until `stop` says so.
    ///
    /// # Errors
    /// The journal failed for good.
    pub(super) async fn confirm(&self, mut stop: tokio::sync::watch::Receiver<bool>) -> Result<(), JournalError> {
        let mut bell = self.journal.bell();
        while !*stop.borrow() {
            bell.borrow_and_update();
            match self.confirm_due().await {
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) => tracing::error!(%error, "what was found in Sent Items waits to be written"),
                Ok(()) => {}
            }
            let next = self.journal.next_confirmation_at().await?;
            let now = self.clock.now().as_millisecond();
            let wait = next.map(|at| Duration::from_millis(u64::try_from(at - now).unwrap_or(0)).max(self.patience.idle));
            tokio::select! {
                biased;
                () = self.clock.sleep(wait.unwrap_or_default()), if wait.is_some() => {}
                _ = bell.changed(), if wait.is_none() => {}
                _ = stop.changed() => {}
            }
        }
        Ok(())
    }

    async fn confirm_due(&self) -> Result<(), JournalError> {
        let mut by_mailbox: BTreeMap<MailboxName, Vec<AcceptedMail>> = BTreeMap::new();
        for mail in self.journal.accepted_mail(BATCH).await? {
            by_mailbox.entry(mail.mailbox.clone()).or_default().push(mail);
        }
        for (name, mails) in by_mailbox {
            let found = match self.mailboxes.get(&name) {
                Some(mailbox) => self.find_all(&mailbox, &mails).await,
                None => Ok(Vec::new()),
            };
            let found = found.unwrap_or_else(|error| {
                tracing::warn!(mailbox = %name, %error, "Sent Items could not be looked at");
                Vec::new()
            });
            for mail in &mails {
                self.settle(mail, found.iter().find(|(action, _)| *action == mail.action).map(|(_, copy)| copy)).await?;
            }
        }
        Ok(())
    }

    /// The copies of these mails: by one listing, and those that it does not show by their marks.
    async fn find_all(
        &self,
        mailbox: &ServedMailbox,
        mails: &[AcceptedMail],
    ) -> Result<Vec<(crate::ids::ActionId, MessageId)>, GraphError> {
        let oldest = mails.iter().map(|mail| mail.accepted_at).min().unwrap_or(0);
        let since = from_ms(oldest).checked_sub(BEFORE).unwrap_or(Timestamp::UNIX_EPOCH);
        let copies = mailbox.graph.sent_since(since).await?;
        let mut found = Vec::new();
        for mail in mails {
            let is_it = |copy: &&SentCopy| {
                mail.draft.as_ref() == Some(&copy.id)
                    || (copy.internet_message_id.is_some() && copy.internet_message_id == mail.internet_message_id)
            };
            let copy = match copies.iter().find(is_it) {
                Some(copy) => Some(copy.id.clone()),
                None if mail.looks == 0 => None,
                None => {
                    let marked = mailbox.graph.find_marked(&mail.action, &[]).await?;
                    marked.into_iter().find(|marked| !marked.is_draft).map(|marked| marked.id)
                }
            };
            found.extend(copy.map(|copy| (mail.action.clone(), copy)));
        }
        Ok(found)
    }

    async fn settle(&self, mail: &AcceptedMail, copy: Option<&MessageId>) -> Result<(), JournalError> {
        if let Some(copy) = copy {
            return self.journal.record_confirmed(mail, copy).await;
        }
        let waited_ms = self.clock.now().as_millisecond() - mail.accepted_at;
        let waited = Duration::from_millis(u64::try_from(waited_ms).unwrap_or(0));
        if waited < self.patience.confirm {
            return self.journal.look_again(mail, self.patience.look(mail.looks + 2)).await;
        }
        let hours = waited.as_secs() / 3600;
        let reason = format!(
            "it was accepted for delivery {hours} hours ago, but it is not in Sent Items and did not come back: ask the recipient \
             before you retry, which sends it once more"
        );
        self.journal.record_lost(mail, reason).await
    }
}
