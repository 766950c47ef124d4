"""Reads the log lines of the deployed functions."""
