"""`make chaos` sends ends while faults strike, and reports lost and repeated ends."""
