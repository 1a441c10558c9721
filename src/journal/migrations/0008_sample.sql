UPDATE action SET mailbox = 'invoices';
