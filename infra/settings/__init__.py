"""Settings of a stage: their keys, their checks, and what follows from them."""
