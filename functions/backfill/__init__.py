"""The backfill, which finds ends that never arrived, and puts them on the intake queue."""
