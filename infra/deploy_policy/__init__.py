"""Derives the IAM policies that a deploy needs from the synthesised template."""
