"""The Genesys Cloud Platform API client: login, retries, errors, subscriptions."""
