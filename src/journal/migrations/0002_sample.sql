INSERT INTO message (id, mailbox, graph_id, folder, envelope, status, look_at, seen_at, changed_at, deaths)
VALUES (2, 'invoices', 'AAkB=', 'Inbox', '{}', 'seen', 0, 1764000000000, 1764000000000, 2);
