"""The one HTTP server on loopback that every stand-in answers with."""
