"""Made-up conversations, with their events for both deliveries and the ends to expect."""
