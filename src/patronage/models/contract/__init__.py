"""Contractual models: customers whose leaving is seen."""
