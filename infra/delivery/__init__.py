"""The deliveries: the subscription or the integration, and the function that manages it."""
