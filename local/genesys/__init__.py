"""The stand-in for Genesys Cloud: login, subscriptions, integrations and events."""
