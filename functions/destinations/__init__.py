"""Where ends go."""
