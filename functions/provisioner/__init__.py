"""The provisioner function: creates, changes and removes our resources in Genesys Cloud."""
