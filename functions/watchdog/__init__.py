"""The watchdog function: compares Genesys Cloud with the deployed stack, and heals it."""
