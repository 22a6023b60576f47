"""Text to formula: no data is seen here."""
