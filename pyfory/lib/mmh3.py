"""MurmurHash3 x64 128-bit, the hash of the Fory formats."""

from __future__ import annotations

from pyfory._core import hash_buffer, hash_unicode

__all__ = ["hash_buffer", "hash_unicode"]
