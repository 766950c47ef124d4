"""Compiled code in the asset, so that a cold start need not compile it."""

from .compilation import compile_files
from .interpreter import find_interpreter, missing_interpreter_notice

__all__ = ["compile_files", "find_interpreter", "missing_interpreter_notice"]
