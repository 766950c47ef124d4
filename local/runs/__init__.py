"""The parts that demo and chaos runs share: world, queues, screen, account and clean-up."""
