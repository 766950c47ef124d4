"""The custom-resource function: makes, changes and removes our things in Genesys Cloud."""
