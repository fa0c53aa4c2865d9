"""Which vector instructions the kernels use.

The environment variable ``PYFORY_SIMD`` (scalar, baseline, avx2 or avx512) chooses
at import; a tier that the machine lacks means the best one below it. See
docs/kernels.md for what each tier has and how fast it is.
"""

from __future__ import annotations

from typing import List

from pyfory import _core

__all__ = ["available", "current", "force"]


def current() -> str:
    """The tier in use: "scalar", "baseline", "avx2" or "avx512"."""
    return _core.simd_tier()


def available() -> List[str]:
    """The tiers that this build and this processor can run."""
    return _core.simd_tiers()


def force(tier: str) -> None:
    """Uses `tier` from now on, in the whole process: for tests and measurements,
    not while other threads serialize. Raises ValueError when it is not available."""
    _core.set_simd_tier(tier)
