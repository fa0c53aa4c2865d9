"""A process that writes or reads kinds of object for the parity tests.

    python -m native.peer CODEC

reads commands from standard input, one JSON object per line, and answers each
with one line:

    {"do": "hello"}                            -> {"version": ...}
    {"do": "write", "kind": NAME}              -> {"data": BASE64}, or an error
    {"do": "read", "kind": NAME, "data": ...}  -> {"ok": true}, or {"failed": CHECK, "value": REPR}

Errors are {"missing": why} and {"error": type, "text": message}. Whoever asked
sees the end of the file when the process dies.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import warnings
from typing import Any, Dict

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Died(Exception):
    """The peer process ended instead of answering."""


class Peer:
    """A child process, started again after it died."""

    def __init__(self, codec: str, python: str = sys.executable) -> None:
        self.codec = codec
        self.python = python
        # the same installation as here, whatever made it importable
        self.path = [entry for entry in sys.path if entry] if python == sys.executable else []
        self._process: Any = None

    def ask(self, **command: Any) -> Dict[str, Any]:
        """The answer to `command`.

        Raises:
            Died: the process ended.
        """
        if self._process is None:
            environment = dict(os.environ, PYTHONPATH=os.pathsep.join([TESTS, *self.path]), PYTHONHASHSEED="0")
            self._process = subprocess.Popen(
                [self.python, "-m", "native.peer", self.codec],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment, cwd=TESTS, universal_newlines=True,
            )  # fmt: skip
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            code = self._process.wait()
            self.close()
            raise Died("the process ended with code %s" % code)
        answer: Dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            for stream in (process.stdin, process.stdout):
                try:
                    stream.close()
                except OSError:
                    pass
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answer(codec: Any, kinds: Any, command: Dict[str, Any]) -> Dict[str, Any]:
    if command["do"] == "hello":
        return {"version": codec.version, "python": "%d.%d" % sys.version_info[:2]}
    kind = kinds.by_name(command["kind"])
    missing = kind.available()
    if missing:
        return {"missing": missing}
    if command["do"] == "write":
        value = kind.make()
        try:
            data = codec.dumps(value)
        except Exception as error:
            return describe(error)
        return {"data": base64.b64encode(data).decode()}
    # Twice: the first time must leave nothing behind that spoils the second.
    for _ in range(2):
        try:
            value = codec.loads(base64.b64decode(command["data"]))
        except Exception as error:
            return describe(error)
        failed = kind.failed_check(value)
        if failed is not None:
            return {"failed": failed, "value": shown(value)}
    return {"ok": True}


def describe(error: BaseException) -> Dict[str, Any]:
    names = [cls.__name__ for cls in type(error).__mro__]
    return {"error": type(error).__name__, "bases": names, "text": str(error)[:500]}


def shown(value: Any) -> str:
    try:
        text = "%s: %r" % (type(value).__name__, value)
    except Exception as error:
        text = "%s whose repr fails with %s" % (type(value).__name__, type(error).__name__)
    return text[:300]


def main() -> None:
    # Nothing but answers may get onto the real standard output.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    from native import implementations, kinds

    codec = implementations.codec(sys.argv[1])
    for line in sys.stdin:
        output.write(json.dumps(answer(codec, kinds, json.loads(line))) + "\n")
        output.flush()


if __name__ == "__main__":
    main()
