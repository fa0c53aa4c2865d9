"""Functions by value: closures, cells, the globals they use; methods; lru_cache wrappers.

A function is rebuilt in two steps. First come its code, an empty globals
dict and empty cells, which lead back to nothing. When the function is known
to the reader, its state follows: what the cells and globals hold, defaults,
annotations and attributes, any of which may refer to the function again.
"""

from __future__ import annotations

import builtins
import functools
import sys
import types
from typing import Any, Callable, Dict, List, Optional, Tuple

from pyfory.error import ForyInvalidDataError
from pyfory.native.bytecode import MAGIC, PYTHON, check_python, names_of, submodules
from pyfory.native.kinds import (
    BUILTIN_METHOD,
    CELL,
    CELL_SHELL,
    FUNCTION,
    FUNCTION_BODY,
    FUNCTION_SHELL,
    GLOBALS,
    LRU_CACHE,
    METHOD,
    Captured,
    ReadSession,
    Shell,
    WriteSession,
    expect,
    set_attributes,
)
from pyfory.native.parts import is_sentinel, same_doc, typevar_default
from pyfory.native.references import class_dict, class_mro, import_module, is_importable, is_local_name, is_registered, reference_of
from pyfory.policy import DEFAULT_POLICY, DeserializationPolicy

_LAZY_ANNOTATIONS = sys.version_info >= (3, 14)
_TYPE_PARAMS = sys.version_info >= (3, 12)

LruCacheType: Any = type(functools.lru_cache(int))


# --- shells of cells, globals and functions ------------------------------------------------------


def cell_shell(cell: types.CellType, ws: WriteSession) -> Shell:
    shell = ws.shells.get(id(cell))
    if shell is None:
        shell = ws.shells[id(cell)] = Shell(CELL_SHELL, (), (), cell)
    return shell


def globals_shell(namespace: Dict[str, Any], ws: WriteSession) -> Shell:
    """One for each globals dict, so that functions which shared one share one again."""
    shell = ws.shells.get(id(namespace))
    if shell is None:
        # __package__ is what a relative import in the body starts from.
        name, package = namespace.get("__name__"), namespace.get("__package__")
        header = (_text(name), _text(package))
        shell = ws.shells[id(namespace)] = Shell(GLOBALS, header, (), namespace)
    return shell


def _text(value: Any) -> Optional[str]:
    return value if type(value) is str else None


def function_shell(func: types.FunctionType, ws: WriteSession, cls: Optional[type] = None) -> Shell:
    """The function with as much of its state as leads nowhere, so that simple functions work at once.

    `cls` is the class whose stage fills the cell of `super()`. Nothing is left
    to say of most methods then; `shell.complete` tells so.
    """
    shell = ws.shells.get(id(func))
    if shell is not None:
        return shell
    code, closure, defaults, kwdefaults = func.__code__, func.__closure__, func.__defaults__, func.__kwdefaults__
    names, every_name, made_doc = names_of(code)
    complete = True
    used = None
    if names:
        every = _present(func.__globals__, names)
        used = {name: value for name, value in every.items() if is_safe(value)}
        complete = len(used) == len(every)
    contents = absent = None
    if closure:
        contents, absent, missing = _contents(func, ws, is_safe, cls)
        complete = complete and not missing
    if defaults and not is_safe(defaults):
        defaults, complete = None, False
    if kwdefaults and not is_safe(kwdefaults):
        kwdefaults, complete = None, False
    doc = func.__doc__
    annotations = None
    if complete:
        if _LAZY_ANNOTATIONS and func.__annotate__ is not None:  # type: ignore[attr-defined]
            complete = False
        else:
            annotations = func.__annotations__ or None
            complete = (
                (annotations is None or is_safe(annotations))
                and not func.__dict__
                and type(func.__module__) is str
                and not (_TYPE_PARAMS and func.__type_params__)  # type: ignore[attr-defined,unused-ignore]
                and not (used and submodules(used.values(), every_name))
                and not (contents and submodules(contents, every_name))
            )
    shell = ws.shells[id(func)] = Shell(FUNCTION_SHELL, _function_header(func), (), func)
    shell.complete = complete
    if not complete and (used or contents):
        shell.sent = frozenset(used or ()).union([i for i in range(len(contents or ())) if i not in (absent or ())])
    shell.args = _trimmed((
        code,
        globals_shell(func.__globals__, ws),
        None if closure is None else tuple([cell_shell(cell, ws) for cell in closure]),
        complete or None,
        defaults,
        kwdefaults,
        annotations if complete else None,
        (doc,) if complete and not same_doc(doc, made_doc) else None,
        used or None,
        contents,
        absent,
    ))  # fmt: skip
    return shell


def _trimmed(values: Tuple[Any, ...]) -> Tuple[Any, ...]:
    """The values without the None at the end; the reader adds them."""
    n = len(values)
    while n and values[n - 1] is None:
        n -= 1
    return values[:n]


def _present(namespace: Dict[str, Any], names: Tuple[str, ...]) -> Dict[str, Any]:
    return {name: namespace[name] for name in names if name in namespace}


_PLAIN = frozenset((int, str, float, bytes, bool, complex, type(None), type(...), type(NotImplemented)))


_CONTAINERS = frozenset((tuple, frozenset, list, dict, set))


def is_safe(value: Any, depth: int = 0) -> bool:
    """Does the value lead nowhere: a little plain data, or something found by import?"""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind in _CONTAINERS:
        if depth > 3 or len(value) > 64:
            return False
        if kind is dict and not all([is_safe(item, depth + 1) for item in value.values()]):
            return False
        return all([is_safe(item, depth + 1) for item in value])
    if kind is types.ModuleType:
        return is_importable(value.__name__, value) and not is_registered(value.__name__)
    if kind.__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple") and reference_of(kind) is not None:
        try:
            inside = (getattr(value, "__bound__", None), getattr(value, "__constraints__", ()), typevar_default(value))
        except Exception:  # evaluated late, and not possible yet
            return False
        return all(map(is_safe, inside))
    return reference_of(value) is not None or is_sentinel(value)


# --- functions -----------------------------------------------------------------------------------


def _function_header(func: types.FunctionType) -> Tuple[Any, ...]:
    return (_text(func.__module__), func.__qualname__, func.__name__, PYTHON, MAGIC)


def _function_args(func: types.FunctionType, ws: WriteSession) -> Tuple[Any, ...]:
    cells = func.__closure__
    if cells is None:
        return (func.__code__, globals_shell(func.__globals__, ws))
    return (func.__code__, globals_shell(func.__globals__, ws), tuple([cell_shell(cell, ws) for cell in cells]))


def capture_function(func: types.FunctionType, ws: WriteSession) -> Captured:
    shell = ws.shells.get(id(func))
    ws.captured.add(id(func))
    if shell is not None:
        return FUNCTION_BODY, (), (shell,), None if shell.complete else _function_state(func, ws, shell.sent)
    return FUNCTION, _function_header(func), _function_args(func, ws), _function_state(func, ws, None)


def _contents(
    func: types.FunctionType, ws: WriteSession, wanted: Optional[Callable[[Any], bool]], cls: Optional[type] = None
) -> Tuple[Any, Any, bool]:
    """What the cells hold; the positions without, empty ones and those not wanted; were there any not wanted?"""
    contents: List[Any] = []
    absent: List[int] = []
    missing = False
    for i, cell in enumerate(func.__closure__ or ()):
        try:
            value = cell.cell_contents
        except ValueError:
            value = None
            absent.append(i)
        else:
            if wanted is not None and not wanted(value):
                # the stage of a class fills the cell of super() itself
                if cls is None or value is not cls or func.__code__.co_freevars[i] != "__class__":
                    missing = True
                value = None
                absent.append(i)
            elif type(value) is dict and func.__code__.co_freevars[i] == "__classdict__":
                from pyfory.native.classes import namespace_shell

                value = namespace_shell(value, ws)
        contents.append(value)
    if len(absent) == len(contents):
        return None, None, missing
    return tuple(contents), tuple(absent) or None, missing


def _function_state(func: types.FunctionType, ws: WriteSession, sent: Any) -> Tuple[Any, ...]:
    names, every_name, made_doc = names_of(func.__code__)
    used = contents = absent = packages = None
    if names:
        used = _present(func.__globals__, names)
        packages = submodules(used.values(), every_name)
        if sent:
            used = {name: value for name, value in used.items() if name not in sent}
    if func.__closure__:
        contents, absent, _ = _contents(func, ws, None)
        if contents:
            packages = (packages or ()) + submodules(contents, every_name)
            if sent:
                absent = tuple(sorted({i for i in range(len(contents)) if i in sent}.union(absent or ())))
                contents = tuple([None if i in absent else value for i, value in enumerate(contents)])
                if len(absent) == len(contents):
                    contents = absent = None
    doc = func.__doc__
    annotate = func.__annotate__ if _LAZY_ANNOTATIONS else None  # type: ignore[attr-defined]
    return _trimmed((
        used or None,
        contents,
        absent,
        func.__defaults__,
        func.__kwdefaults__,
        None if annotate is not None else func.__annotations__ or None,
        None if same_doc(doc, made_doc) else (doc,),
        annotate,
        func.__dict__ or None,
        (func.__type_params__ or None) if _TYPE_PARAMS else None,  # type: ignore[attr-defined,unused-ignore]
        packages or None,
        None if type(func.__module__) is str else (func.__module__,),
    ))  # fmt: skip


def authorize_function(header: Any, policy: DeserializationPolicy) -> None:
    module, qualname, _, python, magic = expect("function", header, (str, type(None)), str, str, None, None)
    check_python("function %r of module %r" % (qualname, module), python, magic)
    if module is not None:
        policy.validate_module(module, is_local=module == "__main__")
    policy.authorize_instantiation(types.FunctionType, module=module, qualname=qualname, is_local=True)


#: how many parts a record has when none is left out
_N_ARGS, _N_SHELL_ARGS, _N_STATE = 3, 11, 12
_NONES = (None,) * 12


def _damaged(what: str) -> ForyInvalidDataError:
    return ForyInvalidDataError("damaged function record: " + what)


def _make(header: Any, code: Any, namespace: Any, cells: Any, defaults: Any, rs: ReadSession) -> types.FunctionType:
    module, qualname, name, _, _ = header
    if id(namespace) not in rs.modules:
        raise _damaged("its globals are not of this payload")
    if cells is not None:
        for cell in cells:
            if id(cell) not in rs.shells:
                raise _damaged("a cell is not of this payload")
    if type(code) is not types.CodeType or type(name) is not str or type(qualname) is not str:
        raise _damaged("no code or no name")
    # Where the writer's function shared its names with the code, so does this one: it gives the same bytes again.
    func = types.FunctionType(code, namespace, None if name == code.co_name else name, defaults, cells)
    if func.__qualname__ != qualname:
        func.__qualname__ = qualname
    if func.__module__ != module:
        func.__module__ = module
    return func


def build_function(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> types.FunctionType:
    try:
        if len(args) == 2:
            return _make(header, args[0], args[1], None, None, rs)
        code, namespace, cells = args
        return _make(header, code, namespace, cells, None, rs)
    except (TypeError, ValueError) as error:
        raise _damaged(str(error)) from None


def build_function_shell(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    try:
        code, namespace, cells, complete, defaults, kwdefaults, annotations, doc, used, contents, absent = (
            args + _NONES[: _N_SHELL_ARGS - len(args)]
        )
        func = _make(header, code, namespace, cells, defaults, rs)
        if kwdefaults is not None:
            func.__kwdefaults__ = kwdefaults
        if annotations is not None:
            func.__annotations__ = annotations
        if doc is not None:
            (func.__doc__,) = doc
        if used is not None or contents is not None:
            _fill(func, used, contents, absent)
    except (TypeError, ValueError) as error:
        raise _damaged(str(error)) from None
    rs.shells.add(id(func))
    rs.keep.append(func)
    if complete and policy is not DEFAULT_POLICY:
        policy.validate_function(func, is_local=True)
    return func


def build_function_body(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    func = rs.filled(args)
    if type(func) is not types.FunctionType:
        raise ForyInvalidDataError("damaged function record: a state for %s" % type(func).__name__)
    return func


def _fill(func: Any, used: Any, contents: Any, absent: Any) -> None:
    if used is not None:
        if type(used) is not dict:
            raise _damaged("globals without names")
        func.__globals__.update(used)
    if contents is not None:
        cells = func.__closure__ or ()
        if len(cells) != len(contents):
            raise _damaged("%d values for %d cells" % (len(contents), len(cells)))
        if absent is None:
            for cell, value in zip(cells, contents):
                cell.cell_contents = value
        else:
            for i, value in enumerate(contents):
                if i not in absent:
                    cells[i].cell_contents = value


def finish_function(func: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    if state is None:
        return func  # its shell was complete
    try:
        (
            used, contents, absent, defaults, kwdefaults, annotations, doc, annotate, attributes, type_params, packages, module,
        ) = state + _NONES[: _N_STATE - len(state)]  # fmt: skip
        if used is not None or contents is not None:
            _fill(func, used, contents, absent)
        if defaults is not None:
            func.__defaults__ = defaults
        if kwdefaults is not None:
            func.__kwdefaults__ = kwdefaults
        if annotations is not None:
            func.__annotations__ = annotations
        if len(state) > 6:
            if doc is not None:
                (func.__doc__,) = doc
            if annotate is not None and _LAZY_ANNOTATIONS:
                func.__annotate__ = annotate
            set_attributes("function", func, attributes)
            if type_params is not None:
                func.__type_params__ = type_params
            if module is not None:
                (func.__module__,) = module
        if packages is not None and type(packages) is not tuple:
            raise _damaged("the names of modules are %s" % type(packages).__name__)
    except (TypeError, ValueError) as error:
        raise _damaged(str(error)) from None
    for name in packages or ():
        _import_package(name, policy)
    if policy is not DEFAULT_POLICY:
        policy.validate_function(func, is_local=True)
    return func


def _import_package(name: Any, policy: DeserializationPolicy) -> None:
    if not isinstance(name, str):
        raise _damaged("the name of a module is %s" % type(name).__name__)
    try:
        import_module(name, policy)
    except ImportError:
        pass  # the function itself says what it lacks, if it gets there


# --- cells and globals ---------------------------------------------------------------------------


def capture_cell(cell: types.CellType, ws: WriteSession) -> Captured:
    try:
        state: Any = (cell.cell_contents,)
    except ValueError:
        state = None
    return CELL, (), (cell_shell(cell, ws),), state


def build_cell_shell(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    return rs.shell(types.CellType())


def build_cell(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    cell = rs.filled(args)
    if type(cell) is not types.CellType:
        raise ForyInvalidDataError("damaged cell record: contents for %s" % type(cell).__name__)
    return cell


def finish_cell(cell: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    if state is not None:
        (cell.cell_contents,) = expect("cell", state, None)
    return cell


def build_globals(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Dict[str, Any]:
    """An empty namespace. It belongs to a module object, in case the module itself comes too."""
    try:
        name, package = header
    except (TypeError, ValueError):
        name = package = 0
    if not (name is None or type(name) is str) or not (package is None or type(package) is str):
        raise ForyInvalidDataError("damaged globals record")
    module = types.ModuleType(name or "")
    namespace = vars(module)
    namespace.clear()
    namespace["__builtins__"] = builtins
    if name is not None:
        namespace["__name__"] = name
    if package is not None:
        namespace["__package__"] = package
    rs.modules[id(namespace)] = module
    return namespace


# --- methods -------------------------------------------------------------------------------------


def _leads_to(owner: Any, name: str, func: Any) -> bool:
    """Is `func` the function of the method that `owner` has under this name?"""
    for cls in class_mro(owner if isinstance(owner, type) else type(owner)):
        value = class_dict(cls).get(name)
        if value is not None:
            return value is func or (isinstance(value, classmethod) and value.__func__ is func)
    return False


def capture_method(method: types.MethodType, ws: WriteSession) -> Captured:
    owner, func = method.__self__, method.__func__
    name = getattr(func, "__name__", None)
    if isinstance(name, str):
        if name.startswith("__") and not name.endswith("__"):
            for cls in class_mro(owner if isinstance(owner, type) else type(owner)):
                mangled = "_%s%s" % (cls.__name__.lstrip("_"), name)
                if _leads_to(owner, mangled, func):
                    return METHOD, (mangled,), (owner,), None
        found = getattr(owner, name, None) if _leads_to(owner, name, func) else None
        if type(found) is types.MethodType and found.__self__ is owner and found.__func__ is func:
            return METHOD, (name,), (owner,), None
    # super().method, or a function bound by hand
    return METHOD, (_text(name),), (owner, func), None


def capture_builtin_method(method: Any, ws: WriteSession) -> Optional[Captured]:
    owner = method.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return None
    return BUILTIN_METHOD, (method.__name__,), (owner,), None


def authorize_method(header: Any, policy: DeserializationPolicy) -> None:
    (name,) = expect("method", header, (str, type(None)))
    policy.authorize_instantiation(types.MethodType, method_name=name)


def authorize_builtin_method(header: Any, policy: DeserializationPolicy) -> None:
    (name,) = expect("method", header, str)
    policy.authorize_instantiation(types.BuiltinMethodType, method_name=name)


def _static_method(owner: Any, name: str) -> Any:
    """`getattr(owner, name)` for methods, running no code of the user's."""
    kinds = (owner, type(owner)) if isinstance(owner, type) else (type(owner),)
    for kind in kinds:
        for cls in class_mro(kind):
            if name not in class_dict(cls):
                continue
            value = class_dict(cls)[name]
            if type(value) is classmethod:
                return types.MethodType(value.__func__, kind)
            if type(value) is types.ClassMethodDescriptorType:
                return value.__get__(None, kind)
            if type(value) is staticmethod:
                return value.__func__
            if kind is owner:
                return value
            if type(value) in (types.FunctionType, types.MethodDescriptorType, types.WrapperDescriptorType):
                return value.__get__(owner, kind)
            raise ForyInvalidDataError("Cannot resolve descriptor %r of %r safely" % (name, kind.__name__))
    raise ForyInvalidDataError("%r has no method %r" % (kinds[-1].__name__, name))


def build_method(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    name = header[0]
    method: Any
    if type(args) is tuple and len(args) == 2:
        owner, func = args
        if not callable(func):
            raise ForyInvalidDataError("damaged method record: %s cannot be bound" % type(func).__name__)
        method = types.MethodType(func, owner)
    else:
        (owner,) = expect("method", args, None)
        if name is None:
            raise ForyInvalidDataError("damaged method record: no name")
        if policy is DEFAULT_POLICY:
            method = getattr(owner, name)
        else:
            method = _static_method(owner, name)
    func = method.__func__ if type(method) is types.MethodType else method
    is_local = type(func) is types.FunctionType and is_local_name(func.__module__, func.__qualname__)
    policy.validate_method(method, is_local=is_local)
    return method


# --- functools.lru_cache -------------------------------------------------------------------------


def capture_lru_cache(wrapper: Any, ws: WriteSession) -> Optional[Captured]:
    if reference_of(wrapper) is not None:
        return None
    func = wrapper.__wrapped__
    if hasattr(wrapper, "cache_parameters"):
        parameters = wrapper.cache_parameters()
        maxsize, typed = parameters["maxsize"], bool(parameters["typed"])
    else:
        maxsize, typed = wrapper.cache_info().maxsize, False  # 3.8 does not tell
    attributes = {name: value for name, value in vars(wrapper).items() if name != "cache_parameters"}
    inner = func
    if type(func) is types.FunctionType and id(func) not in ws.captured and reference_of(func) is None:
        # The function usually leads back here, since it calls itself by name.
        inner = function_shell(func, ws)
    return LRU_CACHE, (maxsize, typed), (inner,), (func, attributes)


def build_lru_cache(header: Any, args: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    maxsize, typed = expect("lru_cache", header, (int, type(None)), bool)
    (func,) = expect("lru_cache", args, None)
    if not callable(func):
        raise ForyInvalidDataError("damaged lru_cache record: %s cannot be called" % type(func).__name__)
    return functools.lru_cache(maxsize, typed)(func)


def finish_lru_cache(wrapper: Any, state: Any, policy: DeserializationPolicy, rs: ReadSession) -> Any:
    _, attributes = expect("lru_cache", state, None, dict)
    set_attributes("lru_cache", wrapper, attributes)
    return wrapper
