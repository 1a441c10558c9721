-- What waits, by mailbox: one that is slow, closed or far behind hides nothing of the others.
ALTER TABLE action ADD COLUMN mailbox TEXT;
UPDATE action SET mailbox = (SELECT mailbox FROM message WHERE id = action.message);
CREATE INDEX action_open_of ON action (mailbox, due_at) WHERE turn = 1 AND status IN ('due', 'deferred', 'unclear');
CREATE INDEX action_post_of ON action (mailbox, due_at)
    WHERE turn = 1 AND status IN ('due', 'deferred', 'unclear') AND kind IN ('post', 'post_each');
CREATE INDEX message_undecided_of ON message (mailbox, look_at) WHERE status = 'seen';
