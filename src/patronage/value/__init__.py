"""Money: what expected purchases are worth today."""
