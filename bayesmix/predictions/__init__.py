"""Rows old and new: predictions and densities."""
