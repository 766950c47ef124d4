"""The error for an asset that cannot be built."""


class PackagingError(Exception):
    """The asset could not be built; the message says why, and what to do."""
