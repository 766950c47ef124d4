"""The code that the demo and the chaos run share."""
