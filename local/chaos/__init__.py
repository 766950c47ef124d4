"""`make chaos`: the demo under faults, and an account of what was lost or repeated."""
