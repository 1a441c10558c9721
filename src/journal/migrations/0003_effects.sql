-- Since when an action is tried: since it was planned, or since a person last wanted it tried again.
ALTER TABLE action ADD COLUMN since INTEGER;

-- What became of mail that was accepted for delivery, and what else the budgets count.
ALTER TABLE sent ADD COLUMN domain TEXT;
ALTER TABLE sent ADD COLUMN rule_set TEXT REFERENCES rule_set (hash);
ALTER TABLE sent ADD COLUMN outcome TEXT NOT NULL DEFAULT 'begun'
    CHECK (outcome IN ('begun', 'accepted', 'confirmed', 'bounced', 'lost'));
ALTER TABLE sent ADD COLUMN draft TEXT;
ALTER TABLE sent ADD COLUMN internet_message_id TEXT;
ALTER TABLE sent ADD COLUMN accepted_at INTEGER;
ALTER TABLE sent ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sent ADD COLUMN look_at INTEGER;
CREATE INDEX sent_accepted ON sent (look_at) WHERE outcome = 'accepted';
CREATE INDEX sent_internet_message_id ON sent (mailbox, internet_message_id) WHERE internet_message_id IS NOT NULL;
CREATE INDEX sent_domain ON sent (mailbox, domain, at);
CREATE INDEX sent_rule_set ON sent (mailbox, rule_set, at);

-- How far a rule set is trusted: one that replaced another may bring about so many effects before a person has looked.
CREATE TABLE brake (
    mailbox    TEXT NOT NULL,
    rule_set   TEXT NOT NULL REFERENCES rule_set (hash),
    state      TEXT NOT NULL CHECK (state IN ('watched', 'armed', 'held', 'released')),
    effects    INTEGER NOT NULL DEFAULT 0,
    reason     TEXT,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (mailbox, rule_set),
    CHECK (state <> 'held' OR reason IS NOT NULL)
) STRICT;

-- Which database this is, whatever its file is called: the newest row. One that was restored goes on under a new name.
CREATE TABLE origin (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO origin (name) VALUES (lower(hex(randomblob(16))));

-- Times at which a witness outside knew more than the database: it was restored, rolled back, or another one was at work.
-- An empty mailbox means all of them. What arrived before is looked for before it is brought about.
CREATE TABLE fence (
    mailbox   TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    PRIMARY KEY (mailbox, raised_at)
) STRICT;
