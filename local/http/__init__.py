"""The loopback HTTP server behind every stand-in."""
