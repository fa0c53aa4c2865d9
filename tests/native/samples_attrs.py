"""Classes for kinds.py that need attrs."""

from __future__ import annotations

from typing import Any, List

import attrs


@attrs.define
class Plain:
    a: int
    b: List[Any]


@attrs.frozen
class Frozen:
    a: int
    b: List[Any]


@attrs.define(slots=False)
class Dicted:
    a: int
    b: List[Any]
