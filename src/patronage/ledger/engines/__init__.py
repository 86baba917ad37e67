"""Where a ledger is computed: DuckDB, Spark or PostgreSQL, each behind the same few operations."""
