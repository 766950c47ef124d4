"""What Genesys Cloud publishes in a chaos run, and what it loses."""
