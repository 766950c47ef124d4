"""The messages that Queue Ends itself puts on the intake queue, and their sending."""
