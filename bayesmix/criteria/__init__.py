"""How well a model predicts, and which does better."""
