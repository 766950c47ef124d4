"""The code that demo runs and chaos runs share."""
