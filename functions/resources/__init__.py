"""The things that a stack has in Genesys Cloud, a class a delivery, and the one place to choose."""
