"""Churn classifiers: who will not buy within the horizon."""
