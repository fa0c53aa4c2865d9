"""Command line of pyfory: ``python -m pyfory demo`` and ``python -m pyfory info``."""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional


def info() -> int:
    """Print what this installation is and which kernels it runs."""
    import importlib.util
    import platform

    import pyfory
    from pyfory import _core

    def version_of(name: str) -> str:
        if importlib.util.find_spec(name) is None:
            return "not installed"
        from importlib import metadata

        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return "installed"

    lines = (
        ("pyfory", pyfory.__version__),
        ("module", getattr(_core, "__file__", "?")),
        ("Python", "{} {}".format(platform.python_implementation(), platform.python_version())),
        ("platform", platform.platform()),
        ("kernels in use", _core.simd_tier()),
        ("kernels available", ", ".join(_core.simd_tiers())),
        ("NumPy (optional)", version_of("numpy")),
        ("PyArrow (optional)", version_of("pyarrow")),
    )
    for name, value in lines:
        print("{:<20}{}".format(name, value))
    return 0


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line and return the process exit code."""
    parser = argparse.ArgumentParser(prog="python -m pyfory", description="Tools of the pyfory serialization library.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo_parser = commands.add_parser("demo", help="write and read real data in each mode, beside pickle and json")
    demo_parser.add_argument(
        "--seconds",
        type=float,
        default=0.4,
        help="how long to measure each format in each direction (default: %(default)s)",
    )
    commands.add_parser("info", help="print version, kernels and optional packages")
    options = parser.parse_args(argv)
    if options.command == "info":
        return info()
    from pyfory import demo

    return demo.run(options.seconds)


if __name__ == "__main__":
    sys.exit(main())
