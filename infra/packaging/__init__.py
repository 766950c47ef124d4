"""The asset that all functions share, built with pip and without Docker."""

from .asset import Asset, build_asset
from .errors import PackagingError
from .target import Target

__all__ = ["Asset", "PackagingError", "Target", "build_asset"]
