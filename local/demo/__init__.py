"""`make demo`: a deploy, made-up conversations, an account of every event, and a clean-up."""
