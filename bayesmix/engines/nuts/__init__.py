"""NUTS on the joint model in PyMC."""
