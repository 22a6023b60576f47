"""What people ask of a fit: predictions on grids, comparisons, slopes, hypotheses, residuals."""
