"""Echo server run by upstream pyfory's interpreter (see test_peer_upstream.py).

Each request line names class sources, options, registrations and a payload;
the answer holds the bytes that upstream writes for what it read.
"""

import array
import dataclasses
import datetime
import decimal
import enum
import json
import sys
import traceback
import types
import typing

import pyfory

from describe import describe

_modules = {}
_instances = {}


def module_of(source):
    if source not in _modules:
        name = "peer_schema_%d" % len(_modules)
        module = types.ModuleType(name)
        sys.modules[name] = module
        module.__dict__.update(
            array=array, dataclasses=dataclasses, dataclass=dataclasses.dataclass, datetime=datetime, enum=enum,
            decimal=decimal, Decimal=decimal.Decimal, pyfory=pyfory, typing=typing, Any=typing.Any, Dict=typing.Dict,
            List=typing.List, Optional=typing.Optional, Set=typing.Set, Tuple=typing.Tuple, Union=typing.Union,
        )
        exec(source, module.__dict__)
        _modules[source] = module
    return _modules[source]


def instance(request):
    key = json.dumps([request["source"], request["options"], request["register"]], sort_keys=True)
    if key not in _instances:
        module = module_of(request["source"])
        fory = pyfory.Fory(**request["options"])
        for name, options in request["register"]:
            fory.register(getattr(module, name), **options)
        _instances[key] = fory
    return _instances[key]


def attempt(function, *args):
    """The result, or the error as text."""
    try:
        return function(*args)
    except Exception as error:
        return "!%s: %s" % (type(error).__name__, str(error)[:200])


def grid(request):
    """Cases of tests/grid.py: `read` holds payloads, answered by descriptions of
    the values; `write` holds arguments of the class (with `root`, whole expressions), answered by payloads."""
    module = module_of(request["source"])
    ref = request["options"]["ref"]
    form = "%s" if request.get("root") else "Value(%s)"
    fory = pyfory.Fory(**request["options"])
    module.register(fory, request["by_name"], request["known"])
    return {
        "read": [attempt(lambda: describe(fory.deserialize(bytes.fromhex(data)), ref)) for data in request["read"]],
        "write": [attempt(lambda: fory.serialize(eval(form % text, module.__dict__)).hex()) for text in request["write"]],
    }


def answer(request):
    if request.get("version"):
        return {"version": pyfory.__version__}
    if request.get("grid"):
        return grid(request)
    fory = instance(request)
    if "expression" in request:
        value = eval(request["expression"], dict(module_of(request["source"]).__dict__))
    else:
        value = fory.deserialize(bytes.fromhex(request["hex"]))
    return {"hex": fory.serialize(value).hex(), "value": repr(value)[:500]}


def main():
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except BaseException as error:
            result = {"error": "%s: %s" % (type(error).__name__, error), "trace": traceback.format_exc()[-1500:]}
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
