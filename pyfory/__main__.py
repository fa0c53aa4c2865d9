"""Command line of pyfory: ``python -m pyfory demo`` and ``python -m pyfory info``."""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional


def info() -> int:
    """Print what this installation is and which kernels it runs."""
    from pyfory._runtime import show_runtime

    show_runtime()
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
