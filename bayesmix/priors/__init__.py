"""Which prior stands on which parameter."""
