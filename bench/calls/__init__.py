"""Counts what contenders ask of AWS, and what AWS bills for it."""
