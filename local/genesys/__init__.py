"""The stand-in for Genesys Cloud: login, event subscriptions, integrations, and its events."""
