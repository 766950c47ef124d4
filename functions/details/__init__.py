"""Details: what Genesys Cloud's analytics add to an end."""
