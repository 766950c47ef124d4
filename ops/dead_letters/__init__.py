"""The dead letters: read, redriven to the intake queue, or dropped."""
