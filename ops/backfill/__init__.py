"""The command `backfill`, which finds the ends that never arrived in a window of time."""
