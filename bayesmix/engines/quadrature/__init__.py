"""Effects of single levels integrated out by quadrature, for every family."""
