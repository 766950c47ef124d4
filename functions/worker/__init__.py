"""The worker, which is the function that processes batches from the intake queue."""
