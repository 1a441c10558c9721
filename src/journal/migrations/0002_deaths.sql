-- How often the process died while it read the message or ran its rules.
ALTER TABLE message ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
