-- What a mailbox received in a stretch of time, whatever folder it lay in, and what of it the folders' rounds had not shown. A mailbox's
-- newest row is how far its audit has come; the first is where it begins.
CREATE TABLE audit (
    mailbox  TEXT NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    received INTEGER NOT NULL,
    missed   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (mailbox, until)
) STRICT;
