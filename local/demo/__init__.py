"""`make demo`: deploy, run conversations through, account for every event, clean up."""
