"""Formula and frame as arrays and names."""
