"""A stage's settings: its keys, checks of single values, and rules about combinations."""
