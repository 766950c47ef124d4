"""How events arrive: the subscription or the integration, and the function that makes it."""
