"""What a run of the demo and one of chaos share: the world, its queues, the screen, the account."""
