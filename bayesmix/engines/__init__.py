"""From a specification to draws."""
