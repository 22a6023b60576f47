"""The one door to formulae: terms of a formula to numbers, for old rows and new."""
