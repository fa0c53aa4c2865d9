"""What this installation is: for bug reports and for benchmark banners."""

from __future__ import annotations

import sys
from typing import Dict

OPTIONAL_PACKAGES = ("NumPy", "PyArrow", "pandas")


def _version_of(name: str) -> str:
    import importlib.util

    if importlib.util.find_spec(name) is None:
        return "not installed"
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "installed"


def _python_build() -> str:
    """The properties of the interpreter that decide how we behave in it."""
    import platform
    import sysconfig

    parts = ["{}-bit".format(64 if sys.maxsize > 1 << 32 else 32), "{}-endian".format(sys.byteorder)]
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
        parts.append("free-threaded, GIL {}".format("enabled" if enabled else "disabled"))
    else:
        parts.append("with GIL")
    if hasattr(sys, "gettotalrefcount"):
        parts.append("debug")
    return "{} ({})".format(", ".join(parts), platform.python_compiler())


def runtime_info() -> Dict[str, str]:
    """The lines that :func:`show_runtime` prints, by their names."""
    import os
    import platform

    import pyfory
    from pyfory import _core

    forced = os.environ.get("PYFORY_SIMD")
    info = {
        "pyfory": pyfory.__version__,
        "module": getattr(_core, "__file__", "?"),
        "Python": "{} {}".format(platform.python_implementation(), platform.python_version()),
        "Python build": _python_build(),
        "platform": platform.platform(),
        "kernels in use": _core.simd_tier() + (" (PYFORY_SIMD={})".format(forced) if forced else ""),
        "kernels available": ", ".join(_core.simd_tiers()),
    }
    for name in OPTIONAL_PACKAGES:
        info["{} (optional)".format(name)] = _version_of(name.lower())
    return info


def show_runtime() -> None:
    """Prints the version of pyfory, the vector kernels in use and available, the
    Python build and the optional packages: what a bug report should contain."""
    for name, value in runtime_info().items():
        print("{:<20}{}".format(name, value))
