"""A stage's settings: the keys, a check of each value, and rules on combinations of values."""
