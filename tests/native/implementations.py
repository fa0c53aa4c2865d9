"""The serializers that the parity tests compare, behind one pair of functions.

Imported by the tests and, in processes of their own, by the writers and
readers of `peer.py`; so it imports nothing beyond what the chosen codec needs.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple


class Codec(NamedTuple):
    name: str
    version: str
    dumps: Callable[[Any], bytes]
    loads: Callable[[bytes], Any]


def codec(name: str) -> Codec:
    """The codec of that name: pickle, cloudpickle, upstream, pyfory or pyfory.pickle.

    Raises:
        ImportError: it is not installed for this interpreter.
    """
    return _MAKERS[name]()


def _pickle() -> Codec:
    import pickle
    import platform

    return Codec("pickle", platform.python_version(), lambda obj: pickle.dumps(obj, 5), pickle.loads)


def _cloudpickle() -> Codec:
    import cloudpickle

    return Codec("cloudpickle", cloudpickle.__version__, lambda obj: cloudpickle.dumps(obj, 5), cloudpickle.loads)


def _upstream() -> Codec:
    import pyfory

    if hasattr(pyfory, "_core"):
        raise ImportError("this interpreter has our package, not upstream's")
    # compatible=False is upstream's best setting here: with the default, a class
    # that was not registered cannot be read in another process.
    fory = pyfory.Fory(xlang=False, ref=True, strict=False, compatible=False)
    return Codec("upstream", pyfory.__version__, fory.dumps, fory.loads)


def _pyfory() -> Codec:
    import pyfory

    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    return Codec("pyfory", pyfory.__version__, fory.dumps, fory.loads)


def _pyfory_pickle() -> Codec:
    import pyfory
    import pyfory.pickle

    return Codec("pyfory.pickle", pyfory.__version__, pyfory.pickle.dumps, pyfory.pickle.loads)


_MAKERS = {
    "pickle": _pickle,
    "cloudpickle": _cloudpickle,
    "upstream": _upstream,
    "pyfory": _pyfory,
    "pyfory.pickle": _pyfory_pickle,
}
