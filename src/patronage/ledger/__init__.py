"""What happened: sources of transactions, their contract, and the rows that were set aside."""
