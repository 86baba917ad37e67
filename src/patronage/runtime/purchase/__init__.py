"""The purchase models: how often a customer will buy, and whether they still do.

Each kind is one file: a frozen class of parameters that predicts. What all kinds share is in `model`; `kinds` finds a
kind by its name in a stored bundle.
"""
