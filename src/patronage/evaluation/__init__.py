"""How good predictions were: figures, tables and baselines for purchases, value and churn."""
