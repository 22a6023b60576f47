"""Figures of fits and of comparisons."""
