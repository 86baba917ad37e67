"""How good a ledger is: what its tables hold, what is missing, and what looks wrong."""
