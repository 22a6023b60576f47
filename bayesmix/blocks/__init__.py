"""Numerics of mixed models: a small matrix for each level."""
