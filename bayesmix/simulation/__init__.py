"""Grouped data from a known truth."""

from bayesmix.simulation.from_fit import simulate_from
from bayesmix.simulation.from_parameters import simulate
from bayesmix.simulation.truth import Simulation

__all__ = ["Simulation", "simulate", "simulate_from"]
