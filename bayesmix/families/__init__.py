"""What the response may be."""
