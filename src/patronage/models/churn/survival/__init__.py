"""Time to churn: when customers leave, not only whether."""
