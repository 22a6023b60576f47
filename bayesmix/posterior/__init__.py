"""A specification with its draws, and what is read from them."""
