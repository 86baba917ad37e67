"""Spend models: how much customers spend on one purchase."""
