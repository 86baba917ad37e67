"""What was known of a customer on a date, and what came after it."""
