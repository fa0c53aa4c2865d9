"""Modules: by name where the reader can import them, with all their names where not."""

from __future__ import annotations

import types
from typing import Any

from pyfory.error import ForyInvalidDataError
from pyfory.native.functions import globals_shell
from pyfory.native.kinds import MODULE, MODULE_VALUE, Captured, ReadSession, WriteSession, expect, set_attributes
from pyfory.native.references import import_module, is_importable, is_registered
from pyfory.policy import DeserializationPolicy

#: of the importing process only
_OMITTED = frozenset(("__builtins__", "__loader__", "__spec__", "__cached__"))


def capture_module(module: types.ModuleType, ws: WriteSession) -> Captured:
    name = module.__name__
    if name == "__main__" or (is_importable(name, module) and not is_registered(name)):
        return MODULE, (name,), (), None
    namespace = vars(module)
    names = {key: value for key, value in namespace.items() if key not in _OMITTED}
    kind = type(module)
    return MODULE_VALUE, (name,), (globals_shell(namespace, ws),), (names, None if kind is types.ModuleType else kind)


def authorize_module(header: Any, policy: DeserializationPolicy) -> None:
    expect("module", header, str)


def build_module(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    return import_module(header[0], policy)


def authorize_module_value(header: Any, policy: DeserializationPolicy) -> None:
    (name,) = expect("module", header, str)
    policy.validate_module(name, is_local=True)
    policy.authorize_instantiation(types.ModuleType, module=name, is_local=True)


def build_module_value(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    """The module whose namespace its functions already use as their globals."""
    (namespace,) = expect("module", args, dict)
    module = rs.modules.get(id(namespace))
    if module is None:
        raise ForyInvalidDataError("damaged module record: its namespace is not of this payload")
    namespace["__name__"] = header[0]
    namespace.update(__doc__=None, __loader__=None, __spec__=None)
    namespace.setdefault("__package__", None)
    return module


def finish_module_value(module: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    names, kind = expect("module", state, dict, (type, type(None)))
    set_attributes("module", module, names)
    if kind is not None:
        if not issubclass(kind, types.ModuleType):
            raise ForyInvalidDataError("damaged module record: %s is no class of modules" % kind.__name__)
        module.__class__ = kind
    return module
