"""Made-up conversations, their events in both deliveries, and the ends in them."""
