"""How the group effects of one factor are correlated."""
