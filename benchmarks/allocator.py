"""The state of the interpreter's allocator in which all contenders are measured."""

import sys
from typing import List

KEPT = 24 << 20  # bytes that stay mapped: twice what the largest result of small objects takes
_spread: List[bytes] = []
SMALL = 512  # bytes of the largest objects that the interpreter allocates itself
SPREAD = 256 << 10


def settle(size: int = KEPT) -> None:
    """Bring the allocator into the state of a program that has run for long: ``size`` bytes that stay mapped, nearly all of them free.

    Python returns the memory of small objects an arena at a time (1 MB; 256 KB before 3.10), as soon as nothing lives in it. In a fresh process
    that is what a result took: each call maps and faults in what the call before gave back, or does not, as chance has placed the other
    objects of the process. One object that lives on in every 256 KB keeps them. Earlier ones are dropped.
    """
    _spread.clear()
    blocks = [bytes(SMALL - sys.getsizeof(b"")) for _ in range(size // SMALL)]
    _spread[:] = blocks[:: SPREAD // SMALL]
