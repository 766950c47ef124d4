"""The command `doctor`, which checks everything that Queue Ends needs."""
