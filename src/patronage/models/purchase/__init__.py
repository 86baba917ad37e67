"""Purchase models: how often customers buy and when they leave."""
