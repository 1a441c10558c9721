INSERT INTO cursor (mailbox, folder, link, at) VALUES ('invoices', 'Inbox', 'https://graph.microsoft.com/v1.0/…?$deltatoken=1', 1764000000000);
INSERT INTO rule_set VALUES ('7f3a91c', '{}', 1764000000000);
INSERT INTO message (id, mailbox, graph_id, folder, envelope, status, rule_set, look_at, seen_at, changed_at)
VALUES (1, 'invoices', 'AAkA=', 'Inbox', '{}', 'planned', '7f3a91c', 0, 1764000000000, 1764000000000);
INSERT INTO action (id, message, ordinal, epoch, rule, kind, body, status, turn, due_at, changed_at)
VALUES ('0f', 1, 0, 0, '10-a', 'move', '{"kind":"move","folder":"A"}', 'due', 1, 0, 1764000000000);
INSERT INTO event VALUES (1, 1, '0f', 1764000000000, 'started', '{}');
INSERT INTO question VALUES (1, 'ab', '{}', 'true', 1764000000000, 1764000000001);
INSERT INTO memory VALUES ('invoices', 'invoice/1', '"x"', NULL, 1764000000000);
INSERT INTO sent VALUES ('0f', 'invoices', 'a@fabrikam.com', 'c1', 1764000000000);
