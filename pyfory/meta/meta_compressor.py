"""Compressors for schema metadata (api section 14).

TypeDefs are never compressed by this release, and compressed ones are refused
when read; the classes serve programs that compress metadata themselves.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from typing import Any, Optional

__all__ = [
    "DeflaterMetaCompressor",
    "MetaCompressor",
    "NoOpMetaCompressor",
    "TypeEqualMetaCompressor",
    "check_meta_compressor",
]


class MetaCompressor(ABC):
    """Compresses and decompresses `size` bytes of `data` from `offset` on (None: to the end)."""

    @abstractmethod
    def compress(self, data: bytes, offset: int = 0, size: Optional[int] = None) -> bytes:
        """The compressed form."""

    @abstractmethod
    def decompress(self, data: bytes, offset: int = 0, size: Optional[int] = None) -> bytes:
        """The original bytes."""


def _part(data: bytes, offset: int, size: Optional[int]) -> bytes:
    return bytes(data[offset:]) if size is None else bytes(data[offset : offset + max(size, 0)])


class _EqualByClass(MetaCompressor):
    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


class DeflaterMetaCompressor(_EqualByClass):
    """zlib; an empty range stays empty."""

    def compress(self, data: bytes, offset: int = 0, size: Optional[int] = None) -> bytes:
        part = _part(data, offset, size)
        return zlib.compress(part) if part else b""

    def decompress(self, data: bytes, offset: int = 0, size: Optional[int] = None) -> bytes:
        part = _part(data, offset, size)
        return zlib.decompress(part) if part else b""


class NoOpMetaCompressor(_EqualByClass):
    """Leaves bytes as they are."""

    def compress(self, data: bytes, offset: int = 0, size: Optional[int] = None) -> bytes:
        return _part(data, offset, size)

    def decompress(self, data: bytes, offset: int = 0, size: Optional[int] = None) -> bytes:
        return _part(data, offset, size)


class TypeEqualMetaCompressor(MetaCompressor):
    """Gives any compressor the equality of its class."""

    def __init__(self, compressor: Any) -> None:
        self.compressor = compressor

    def compress(self, data: bytes, offset: int = 0, size: Optional[int] = None) -> bytes:
        compressed: bytes = self.compressor.compress(data, offset, size)
        return compressed

    def decompress(self, data: bytes, offset: int = 0, size: Optional[int] = None) -> bytes:
        decompressed: bytes = self.compressor.decompress(data, offset, size)
        return decompressed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeEqualMetaCompressor) and type(other.compressor) is type(self.compressor)

    def __hash__(self) -> int:
        return hash(type(self.compressor))


def check_meta_compressor(compressor: Any) -> Any:
    """The compressor itself when it defines equality, else wrapped so that it does."""
    cls: Any = type(compressor)
    if cls.__eq__ is object.__eq__ or cls.__hash__ is object.__hash__:
        return TypeEqualMetaCompressor(compressor)
    return compressor
