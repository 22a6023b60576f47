"""Gaussian models: all effects integrated out exactly, the rest drawn by independence chains."""
