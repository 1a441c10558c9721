INSERT INTO version VALUES (1, 'invoices', '7f3a91c', 'ana', 1764000000000, 'Reminders go to accounting', 1764000060000);
INSERT INTO shadow VALUES (1, '7f3a91c', '7f3a91c', 'same', '[]', 1764000120000);
