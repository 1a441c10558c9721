-- The subscriptions by which the service tells of what arrives, one a folder.
CREATE TABLE subscription (
    mailbox    TEXT NOT NULL,
    folder     TEXT NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    secret     TEXT NOT NULL,
    url        TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (mailbox, folder)
) STRICT;
