"""A stack's resources in Genesys Cloud: one class per delivery, and the registry of them."""
