-- Calls to the mailbox in the ten minutes before the folder was looked at, and whether it is still followed: a wildcard may mean it no more.
ALTER TABLE cursor ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor ADD COLUMN followed INTEGER NOT NULL DEFAULT 1 CHECK (followed IN (0, 1));
