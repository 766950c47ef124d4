"""`make chaos`: ends under faults, and an account of lost and repeated ends."""
