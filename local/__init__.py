"""The offline world: all that Queue Ends talks to, on this machine, a room for each part of it."""
