"""The destinations: the places where ends go."""
