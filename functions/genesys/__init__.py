"""The Genesys Cloud Platform API client: login, retries, subscriptions, integrations."""
