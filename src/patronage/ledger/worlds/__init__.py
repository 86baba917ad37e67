"""Simulated businesses: whole ledgers drawn from a stated model, with the truth and the future beside them."""
