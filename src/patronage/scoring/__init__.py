"""Scores for a whole ledger, and the export of a scoring module."""
