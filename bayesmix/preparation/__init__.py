"""From formula, data and priors to a model that is complete but not sampled."""
