INSERT INTO brake VALUES ('invoices', '7f3a91c', 'released', 0, NULL, 1764000000000);
INSERT INTO fence VALUES ('', 1764000000000, 'the database is older than its witness');
