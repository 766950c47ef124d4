"""The custom-resource function: makes, changes and removes what is ours in Genesys Cloud."""
