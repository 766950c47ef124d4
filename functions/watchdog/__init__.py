"""The watchdog function: compares what is in Genesys Cloud with what was deployed."""
