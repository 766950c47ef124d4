"""The parts of a run, each with its own tables."""
