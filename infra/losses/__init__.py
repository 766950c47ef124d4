"""Finds out what a deploy would lose."""
