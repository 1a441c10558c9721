INSERT INTO subscription VALUES ('invoices', 'Inbox', '7f105c7d', '5d1c', 'https://postroom.contoso.com/notifications', 1764600000000);
