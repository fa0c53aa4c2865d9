"""A peer process that answers one JSON line with one JSON line."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any, Dict, List, Optional

import pytest


def require(variable: str) -> str:
    """The environment variable's value; skips without it, but not in CI."""
    value = os.environ.get(variable)
    if value:
        return value
    reason = '%s is not set; run: eval "$(tests/peers/setup.sh)"' % variable
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
    raise AssertionError


class Peer:
    def __init__(self, command: List[str], env: Optional[Dict[str, str]] = None) -> None:
        full = dict(os.environ, TZ="UTC", PYTHONHASHSEED="0")
        full.pop("PYTHONPATH", None)
        full.update(env or {})
        self.command, self.env = command, full
        self.process: Any = None

    def ask(self, **request: Any) -> Dict[str, Any]:
        if self.process is not None and self.process.poll() is not None:
            self.close()
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, env=self.env, cwd=os.path.dirname(os.path.abspath(__file__)),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True, encoding="utf-8",
            )
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):  # a virtual machine's last words
            line = self.process.stdout.readline()
        if not line:
            code = self.process.wait(20)
            self.close()
            return {"error": "the peer died with %s" % code}
        return json.loads(line)

    def close(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(20)
            self.process.stdout.close()
            self.process = None
