"""Classes for kinds.py that need NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


class Tagged(np.ndarray):
    """An array that carries a tag through pickling, the usual way."""

    tag: Any = None

    def __reduce__(self) -> Any:
        function, args, state = super().__reduce__()
        return function, args, (state, self.tag)

    def __setstate__(self, state: Any) -> None:
        self.tag = state[1]
        super().__setstate__(state[0])


def tagged(values: Any, tag: Any) -> Tagged:
    made = np.array(values).view(Tagged)
    made.tag = tag
    return made
