"""The end rules, which decide from partner events whether a conversation has ended in a queue."""
