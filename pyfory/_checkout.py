"""Only for Python started in a checkout of the sources.

There the folder ``pyfory/`` comes first on ``sys.path``, but the compiled module
is in the installed package. ``pyfory/__init__.py`` calls this when it misses it.
"""

from __future__ import annotations

import os
import sys
from typing import List


def _has_compiled_module(folder: str) -> bool:
    return os.path.isdir(folder) and any(
        name.startswith("_core.") and not name.endswith(".pyi") for name in os.listdir(folder)
    )


def use_installed(path: List[str]) -> None:
    """Point ``path``, the ``__path__`` of the package, at the installed package.

    Does nothing when the package has a compiled module (then something else is
    wrong with it). Raises ImportError, saying what to do, when none is installed.
    """
    here = os.path.realpath(path[0])
    if _has_compiled_module(here):
        return
    for entry in sys.path:
        folder = os.path.join(entry or os.curdir, "pyfory")
        if _has_compiled_module(folder):
            path[:] = [folder]
            return
    raise ImportError(
        "{} is the source folder of pyfory, without its compiled module, and no pyfory is installed for this Python;"
        " run `pip install .` in the checkout first".format(here)
    )
