"""Pairs of dumps and loads to run the tests of native mode with.

`pairs()` lists what is there: an adaptor that drives pyfory.native.code
through the standard library's pickle machinery, which shows that the capture
of code needs nothing but a memo, and the engine of native mode itself.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import textwrap
import types
from typing import Any, Callable, List, NamedTuple, Optional

from pyfory.native import code, references
from pyfory.policy import DEFAULT_POLICY

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Codec(NamedTuple):
    name: str
    dumps: Callable[..., bytes]
    loads: Callable[..., Any]


# --- the adaptor ---------------------------------------------------------------------------------


def _resolve(module: str, qualname: str) -> Any:
    raise AssertionError("replaced by the reader")


def _build(kind: int, header: Any, args: Any) -> Any:
    raise AssertionError("replaced by the reader")


def _finish(obj: Any, state: Any) -> None:
    raise AssertionError("replaced by the reader")


_MARKERS = {"_resolve": _resolve, "_build": _build, "_finish": _finish}


class Pickler(pickle.Pickler):
    def __init__(self, file: Any) -> None:
        super().__init__(file, protocol=5)
        self.session: dict = {}

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is types.FunctionType and _MARKERS.get(obj.__name__) is obj:
            return NotImplemented
        reference = references.reference_of(obj)
        if reference is not None:
            return _resolve, reference
        if type(obj) is types.MappingProxyType:
            return types.MappingProxyType, (dict(obj),)
        captured = code.capture(obj, self.session)
        if captured is None:
            return NotImplemented
        kind, header, args, state = captured
        assert all(value is None or type(value) in (str, int, bool) for value in header), header
        assert type(args) is tuple
        return _build, (kind, header, args), None if state is None else (kind, state), None, None, _finish


class Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, policy: Any) -> None:
        super().__init__(file)
        self.session: dict = {}
        self.policy = policy

    def find_class(self, module: str, name: str) -> Any:
        if name in _MARKERS and module == __name__:
            return getattr(self, name)
        return super().find_class(module, name)

    def _resolve(self, module: str, qualname: str) -> Any:
        return references.resolve(module, qualname, self.policy)

    def _build(self, kind: int, header: Any, args: Any) -> Any:
        code.authorize(kind, header, self.policy)
        return code.build(kind, header, args, self.policy, self.session)

    def _finish(self, obj: Any, state: Any) -> None:
        kind, state = state
        assert code.finish(kind, obj, state, self.policy, self.session) is obj


def _pickle_dumps(obj: Any) -> bytes:
    file = io.BytesIO()
    Pickler(file).dump(obj)
    return file.getvalue()


def _pickle_loads(data: bytes, policy: Any = DEFAULT_POLICY) -> Any:
    return Unpickler(io.BytesIO(data), policy).load()


# --- the engine ----------------------------------------------------------------------------------


def _native_codec() -> Optional[Codec]:
    import pyfory

    try:
        pyfory.Fory(xlang=False, ref=True, strict=False)
    except (AttributeError, NotImplementedError):
        return None  # this build has no native mode

    def fory(**options: Any) -> Any:
        return pyfory.Fory(xlang=False, ref=True, strict=False, **options)

    return Codec("fory", lambda obj: fory().dumps(obj), lambda data, **options: fory(**options).loads(data))


def pairs() -> List[Codec]:
    """Every way there is to write code and read it back."""
    found = [Codec("pickle", _pickle_dumps, _pickle_loads)]
    native = _native_codec()
    if native is not None:
        found.append(native)
    return found


# --- programs ------------------------------------------------------------------------------------


def program(source: str, name: str = "__main__") -> dict:
    """The namespace that `source` leaves when it runs as a program."""
    namespace = {"__name__": name, "__builtins__": __builtins__}
    exec(compile(textwrap.dedent(source), "<program>", "exec", dont_inherit=True), namespace)
    return namespace


def read_elsewhere(codec: Codec, data: bytes, check: str, path: Optional[str] = None) -> str:
    """Reads `data` in a new process, runs `check` there with the result as `obj`, and returns what it prints."""
    script = (
        "import sys; sys.path[:0] = %r\n"
        "data = sys.stdin.buffer.read()\n"
        "from native import codec\n"
        "chosen = [c for c in codec.pairs() if c.name == %r][0]\n"
        "loads, dumps = chosen.loads, chosen.dumps\n"
        "obj = loads(data)\n" % ([TESTS] + ([path] if path else []), codec.name)
    ) + textwrap.dedent(check)
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    # not from the repository's root, whose folder pyfory/ has no compiled module
    done = subprocess.run(
        [sys.executable, "-c", script], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=TESTS, env=environment, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError("the reader failed:\n%s" % done.stderr.decode())
    return done.stdout.decode()
