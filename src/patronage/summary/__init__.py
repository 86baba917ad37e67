"""From the ledger to one row a customer as of a date: frequency, recency, T and monetary value."""
