"""Design, family and priors: a whole model as plain data."""
