"""The AWS resources of the destinations."""
