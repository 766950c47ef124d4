"""The HTTP server on loopback behind every stand-in."""
