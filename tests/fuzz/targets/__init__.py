"""The parts of Queue Ends that are fuzzed."""
