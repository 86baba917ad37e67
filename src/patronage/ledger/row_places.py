"""Names of the columns that raw rows carry beside those of their source."""

SOURCE_FILE, SOURCE_ROW, LINE = "source_file", "source_row", "source_text"
"""Columns that tell where a row came from, and, if it is asked for, the text of the whole row."""
