-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- How far a watched folder has been followed (Graph's delta link).
CREATE TABLE cursor (
    mailbox TEXT NOT NULL,
    folder  TEXT NOT NULL,
    link    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (mailbox, folder)
) STRICT;

-- Every rule set that ever decided something, whole: templates are rendered from it when an action is performed.
CREATE TABLE rule_set (
    hash  TEXT PRIMARY KEY,
    files TEXT NOT NULL,
    at    INTEGER NOT NULL
) STRICT;

-- Every message that was ever seen in a watched folder. Rows are never deleted: they are what makes a second sighting harmless.
CREATE TABLE message (
    id                  INTEGER PRIMARY KEY,
    mailbox             TEXT NOT NULL,
    graph_id            TEXT NOT NULL,
    internet_message_id TEXT,
    identity            TEXT,
    subject             TEXT,
    sender              TEXT,
    conversation        TEXT,
    folder              TEXT NOT NULL,
    received_at         INTEGER,
    envelope            TEXT NOT NULL,
    status              TEXT NOT NULL CHECK (status IN ('seen', 'planned', 'none', 'parked', 'faulted', 'linked', 'gone')),
    rule_set            TEXT REFERENCES rule_set (hash),
    rules               TEXT NOT NULL DEFAULT '[]',
    reason              TEXT,
    tries               INTEGER NOT NULL DEFAULT 0,
    look_at             INTEGER NOT NULL,
    seen_at             INTEGER NOT NULL,
    changed_at          INTEGER NOT NULL,
    epoch               INTEGER NOT NULL DEFAULT 0,
    UNIQUE (mailbox, graph_id),
    CHECK (status <> 'planned' OR rule_set IS NOT NULL),
    CHECK (status NOT IN ('parked', 'faulted') OR reason IS NOT NULL)
) STRICT;
CREATE INDEX message_identity ON message (mailbox, identity) WHERE identity IS NOT NULL;
CREATE INDEX message_undecided ON message (look_at) WHERE status = 'seen';
CREATE INDEX message_waiting_for_a_person ON message (changed_at) WHERE status IN ('parked', 'faulted');
CREATE INDEX message_internet_id ON message (internet_message_id);

-- The effects of a plan, in order. `turn` is 1 once all before it are done.
CREATE TABLE action (
    id         TEXT PRIMARY KEY,
    message    INTEGER NOT NULL REFERENCES message (id),
    ordinal    INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    rule       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    body       TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('due', 'running', 'unclear', 'deferred', 'done', 'rejected', 'parked')),
    turn       INTEGER NOT NULL CHECK (turn IN (0, 1)),
    step       TEXT,
    progress   TEXT NOT NULL DEFAULT 'null',
    attempt    INTEGER NOT NULL DEFAULT 0,
    failures   INTEGER NOT NULL DEFAULT 0,
    looks      INTEGER NOT NULL DEFAULT 0,
    due_at     INTEGER NOT NULL,
    unclear_at INTEGER,
    reason     TEXT,
    result     TEXT,
    changed_at INTEGER NOT NULL,
    UNIQUE (message, epoch, ordinal),
    CHECK (status NOT IN ('running', 'unclear') OR step IS NOT NULL),
    CHECK (status <> 'unclear' OR unclear_at IS NOT NULL),
    CHECK (status NOT IN ('rejected', 'parked') OR reason IS NOT NULL),
    CHECK (turn = 1 OR status = 'due')
) STRICT;
CREATE INDEX action_open ON action (due_at) WHERE turn = 1 AND status IN ('due', 'deferred', 'unclear');
CREATE INDEX action_running ON action (id) WHERE status = 'running';
CREATE INDEX action_waiting_for_a_person ON action (changed_at) WHERE status IN ('rejected', 'parked', 'unclear');

-- The story of a message, row by row.
CREATE TABLE event (
    id      INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES message (id),
    action  TEXT REFERENCES action (id),
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
CREATE INDEX event_story ON event (message, id);

-- What rules asked and were told. The first answer holds.
CREATE TABLE question (
    message     INTEGER NOT NULL REFERENCES message (id),
    key         TEXT NOT NULL,
    question    TEXT NOT NULL,
    answer      TEXT,
    asked_at    INTEGER NOT NULL,
    answered_at INTEGER,
    PRIMARY KEY (message, key)
) STRICT;

-- The mailbox's memory: `remember`, `recall`, `forget`.
CREATE TABLE memory (
    mailbox TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    until   INTEGER,
    at      INTEGER NOT NULL,
    PRIMARY KEY (mailbox, key)
) STRICT;

-- Answers on their way or sent, for the budgets. Written before the first call, so that a crash cannot forget one.
CREATE TABLE sent (
    action       TEXT PRIMARY KEY REFERENCES action (id),
    mailbox      TEXT NOT NULL,
    recipient    TEXT NOT NULL,
    conversation TEXT,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX sent_recipient ON sent (mailbox, recipient, at);
CREATE INDEX sent_conversation ON sent (mailbox, conversation) WHERE conversation IS NOT NULL;
CREATE INDEX sent_pace ON sent (mailbox, at);
