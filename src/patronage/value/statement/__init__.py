"""The statement of value: all tables of a ledger as of a date, of the past, the future, and the way between two."""
