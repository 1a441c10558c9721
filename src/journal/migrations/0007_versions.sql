-- Which rule set was live in a mailbox from when on, who wrote it and why: a mailbox's newest row is the one that is live.
CREATE TABLE version (
    id         INTEGER PRIMARY KEY,
    mailbox    TEXT NOT NULL,
    rule_set   TEXT NOT NULL REFERENCES rule_set (hash),
    author     TEXT,
    written_at INTEGER,
    reason     TEXT,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX version_mailbox ON version (mailbox, id);

-- What a rule set in the shadow would have done with a message that the live one decided.
CREATE TABLE shadow (
    message  INTEGER NOT NULL REFERENCES message (id),
    rule_set TEXT NOT NULL REFERENCES rule_set (hash),
    live     TEXT NOT NULL REFERENCES rule_set (hash),
    change   TEXT NOT NULL,
    lines    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (message, rule_set)
) STRICT;
CREATE INDEX shadow_rule_set ON shadow (rule_set, change);

-- A question that one message's rules asked may be asked again by rules that are tried.
CREATE INDEX question_answered ON question (key, answered_at) WHERE answer IS NOT NULL;
