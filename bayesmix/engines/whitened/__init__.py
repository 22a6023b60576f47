"""Any model: Hamiltonian Monte Carlo in coordinates that the likelihood whitens."""
