"""The custom-resource function that makes, changes and removes the Genesys Cloud subscription."""
