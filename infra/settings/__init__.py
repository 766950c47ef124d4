"""The settings of a stage: their keys, checks and rules, and what follows from them."""
