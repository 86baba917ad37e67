"""Contractual customers: how long a subscription lasts, and what its remaining life is worth."""
