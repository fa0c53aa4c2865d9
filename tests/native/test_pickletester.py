"""CPython's own tests of pickle, `test.pickletester`, against native mode.

The abstract cases that ship with the running interpreter are filled in twice,
with `Fory(xlang=False, ref=True, strict=False)` and with `pyfory.pickle`. All
of them run, except those in EXCLUDED, each with its reason; what an excluded
case checks besides pickle's bytes is checked by the cases of our own at the end.

The file needs no pytest: `python tests/native/test_pickletester.py` runs it too.
With PYFORY_PICKLETESTER_CONTROL set, the standard library's pickle takes our
place, which shows that the harness itself is sound.
"""

from __future__ import annotations

import collections
import copyreg
import io
import os
import pickle
import struct
import sys
import unittest
from types import SimpleNamespace
from typing import Any, Dict, List, Optional, Tuple
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

try:
    from test import pickletester
except ImportError:  # some distributions leave out Python's own tests
    raise unittest.SkipTest("this Python has no test.pickletester")

CONTROL = bool(os.environ.get("PYFORY_PICKLETESTER_CONTROL"))

# ------------------------------------------------------------------ what is left out

OPCODES = "looks for pickle's opcodes in the output"
PROTOCOLS = "checks how pickle's protocols 0 to 4 differ; there is one native format"
BY_VALUE = "wants functions and classes that cannot be imported to be refused; they are written by value"
EXTENSIONS = "wants copyreg's extension codes in the output; natively names are written, once per message"

EXCLUDED: Dict[str, str] = {
    # pickle's opcodes and framing
    "test_bytearray": OPCODES,
    "test_dict_chunking": OPCODES,
    "test_list_chunking": OPCODES,
    "test_set_chunking": OPCODES,
    "test_simple_newobj": OPCODES,
    "test_complex_newobj": OPCODES,
    "test_complex_newobj_ex": OPCODES,
    "test_appends_on_non_lists": OPCODES,
    "test_setitems_on_non_dicts": OPCODES,
    "test_long1": OPCODES,
    "test_long4": OPCODES,
    "test_short_tuples": OPCODES,
    "test_singletons": OPCODES,
    "test_int_pickling_efficiency": OPCODES,
    "test_in_band_buffers": OPCODES,
    "test_oob_buffers": OPCODES,
    "test_framing_many_objects": OPCODES,
    "test_framing_large_objects": OPCODES,
    "test_optional_frames": OPCODES,
    "test_framed_write_sizes_with_delayed_writer": OPCODES,
    # pickle's protocols
    "test_proto": PROTOCOLS,
    "test_bad_proto": PROTOCOLS,
    "test_float_format": PROTOCOLS,
    "test_compat_pickle": PROTOCOLS,
    "test_pickle_to_2x": PROTOCOLS,
    "test_picklebuffer_error": PROTOCOLS,
    "test_protocol0_is_ascii_only": PROTOCOLS,
    "test_nonencodable_global_name_error": PROTOCOLS,
    "test_nonencodable_module_name_error": PROTOCOLS,
    "test_find_class": PROTOCOLS,
    "test_object_with_slots": PROTOCOLS,
    "test_object_with_private_slots": PROTOCOLS,
    # extension codes
    "test_global_ext1": EXTENSIONS,
    "test_global_ext2": EXTENSIONS,
    "test_global_ext4": EXTENSIONS,
    # refused by pickle only
    "test_local_lookup_error": BY_VALUE,
    "test_unpickleable_newobj_class": BY_VALUE,
    "test_unpickleable_newobj_ex_class": BY_VALUE,
}

if sys.version_info >= (3, 11):  # before, all protocols behaved alike
    EXCLUDED["test_bad_getattr"] = PROTOCOLS

# Cases of one class of pickletester only.
EXCLUDED_IN: Dict[Tuple[str, str], str] = {
    ("AbstractPicklingErrorTests", "test_bad_ext_code"): EXTENSIONS,
}

# Cases that make a Pickler or Unpickler, which Fory does not have.
NEED_PICKLER = {
    "test_evil_pickler_mutating_collection",
}


# ------------------------------------------------------------------ who is tested


class Module:
    """A module with pickle's interface."""

    wording = False

    def __init__(self, name: str) -> None:
        self.name = name
        if CONTROL:
            import pickle as module
        else:
            from pyfory import pickle as module  # type: ignore
        self.module: Any = module
        self.dump, self.dumps = module.dump, module.dumps
        self.load, self.loads = module.load, module.loads
        self.Pickler, self.Unpickler = module.Pickler, module.Unpickler
        self.errors: Dict[str, Any] = {}

    def load_pickle(self, data: bytes, **kwargs: Any) -> Any:
        """Reads the standard library's format."""
        if not CONTROL:
            kwargs["allow_pickle"] = True
        return self.loads(data, **kwargs)


class Instance:
    """A Fory, whose protocol argument does not exist and whose errors are its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.errors = {}
        self.fory = None
        if not CONTROL:
            import pyfory
            from pyfory.error import ForyError

            # no limit on what a message may make: these are honest
            self.fory = pyfory.Fory(
                xlang=False, ref=True, strict=False, max_depth=10**6, max_graph_memory_bytes=2**62
            )
            self.errors = dict.fromkeys(["PickleError", "PicklingError", "UnpicklingError"], ForyError)

    def dumps(self, obj: Any, protocol: Optional[int] = None, buffer_callback: Any = None) -> bytes:
        if self.fory is None:
            return pickle.dumps(obj, 5, buffer_callback=buffer_callback)
        if buffer_callback is None:
            return self.fory.dumps(obj)
        return self.fory.dumps(obj, buffer_callback=lambda out: buffer_callback(pickle.PickleBuffer(out.getbuffer())))

    def loads(self, data: bytes, buffers: Any = None) -> Any:
        if self.fory is None:
            return pickle.loads(data, buffers=buffers)
        return self.fory.loads(data, buffers=buffers)


class Bed:
    """Makes pickletester's cases meet `subject` instead of the standard library.

    pickletester asks each case for dumps() and loads(), but also uses the
    pickle module that it has imported, to read what a Pickler wrote and to name
    errors. For the time of a case it gets a stand-in. Its list of protocols has
    as many entries as always, all of them 5, because __reduce_ex__ is called
    with 5 whatever protocol is asked for.
    """

    subject: Any = None
    optimized = False

    def setUp(self) -> None:
        stand_in = SimpleNamespace(**vars(pickle))
        stand_in.loads, stand_in.dumps = self.module_loads, self.subject.dumps
        vars(stand_in).update(self.subject.errors)
        for name, value in (("pickle", stand_in), ("protocols", [5] * 6)):
            patch = mock.patch.object(pickletester, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        # pickletester puts some of its classes into __main__
        patches = {name: getattr(pickletester, name) for name in ("C", "D", "E")}
        for name, value in patches.items():
            patch = mock.patch.object(sys.modules["__main__"], name, value, create=True)
            patch.start()
            self.addCleanup(patch.stop)
        # pytest turns warnings into errors; the cases use old things on purpose
        import warnings

        catcher = warnings.catch_warnings()
        catcher.__enter__()
        self.addCleanup(catcher.__exit__, None, None, None)
        warnings.simplefilter("ignore")
        super().setUp()  # type: ignore

    def module_loads(self, data: bytes, **kwargs: Any) -> Any:
        """What a case calls as pickle.loads()."""
        return self.subject.loads(data, **kwargs)

    def dumps(self, obj: Any, proto: Optional[int] = None, **kwargs: Any) -> bytes:
        return self.subject.dumps(obj, 5 if proto is None else proto, **kwargs)

    def loads(self, data: bytes, **kwargs: Any) -> Any:
        return self.subject.loads(data, **kwargs)


class DescriptorsByValue:
    """Two cases want TypeError for a bare staticmethod or classmethod object.
    These, and those of builtin classes, travel by value; everything else in the
    cases counts."""

    descriptors = (staticmethod, classmethod, type(dict.__dict__["fromkeys"]))

    def assertRaises(self, expected: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) > 1 and isinstance(args[1], self.descriptors) and not CONTROL:
            back = self.loads(self.dumps(args[1]))  # type: ignore
            self.assertIs(type(back), type(args[1]))  # type: ignore
            return None
        return super().assertRaises(expected, *args, **kwargs)  # type: ignore


class OwnWording:
    """From 3.14 on, the cases about errors compare texts and notes too. Which error
    comes is pickle's interface and counts; how it is worded is ours (it names the
    path to the value)."""

    wording = CONTROL

    def assertRaises(self, expected: Any, *args: Any, **kwargs: Any) -> Any:
        context = super().assertRaises(expected, *args, **kwargs)  # type: ignore
        return context if context is None or self.wording else _WithNotes(context)

    def assertEqual(self, first: Any, second: Any, msg: Any = None) -> None:
        if self.wording:
            super().assertEqual(first, second, msg)  # type: ignore

    def assertIn(self, member: Any, container: Any, msg: Any = None) -> None:
        if self.wording or not isinstance(container, (set, frozenset)):
            super().assertIn(member, container, msg)  # type: ignore


class OwnRegex:
    """The same for a case that has one such text among other things."""

    def assertRegex(self, text: str, regex: Any, msg: Any = None) -> None:
        if CONTROL:
            super().assertRegex(text, regex, msg)  # type: ignore


class _WithNotes:
    def __init__(self, context: Any) -> None:
        self.context = context

    def __enter__(self) -> Any:
        return self.context.__enter__()

    def __exit__(self, *details: Any) -> Any:
        result = self.context.__exit__(*details)
        if not hasattr(self.context.exception, "__notes__"):
            self.context.exception.__notes__ = []
        return result


class Written(Bed):
    """Goes through a Pickler and an Unpickler object."""

    def dumps(self, obj: Any, proto: Optional[int] = None, **kwargs: Any) -> bytes:
        stream = io.BytesIO()
        self.subject.Pickler(stream, proto, **kwargs).dump(obj)
        return stream.getvalue()

    def loads(self, data: bytes, **kwargs: Any) -> Any:
        return self.subject.Unpickler(io.BytesIO(data), **kwargs).load()


class Persistent(Bed):
    def dumps(self, obj: Any, proto: Optional[int] = None, **kwargs: Any) -> bytes:
        case = self

        class Pickler(self.subject.Pickler):  # type: ignore
            def persistent_id(self, obj: Any) -> Any:
                return case.persistent_id(obj)  # type: ignore

        stream = io.BytesIO()
        Pickler(stream, proto).dump(obj)
        return stream.getvalue()

    def loads(self, data: bytes, **kwargs: Any) -> Any:
        case = self

        class Unpickler(self.subject.Unpickler):  # type: ignore
            def persistent_load(self, pid: Any) -> Any:
                return case.persistent_load(pid)  # type: ignore

        return Unpickler(io.BytesIO(data), **kwargs).load()


# ------------------------------------------------------------------ the cases

CASES: List[type] = []


def fill_in(name: str, subject: Any, abstract: str, *mixins: type, **attributes: Any) -> None:
    """Adds the test class `name` made from pickletester's `abstract`."""
    base = getattr(pickletester, abstract, None)
    if base is None:  # the class came with a later Python
        return
    body: Dict[str, Any] = {"subject": subject, "__module__": __name__, "left_out": {}}
    for case in dir(base):
        if not case.startswith("test_"):
            continue
        reason = EXCLUDED.get(case) or EXCLUDED_IN.get((abstract, case))
        if reason is None and case in NEED_PICKLER and isinstance(subject, Instance):
            reason = "makes a Pickler"
        if reason is not None:
            body["left_out"][case] = getattr(base, case)
            body[case] = None
    body.update(attributes)
    bases = mixins + (base,) + (() if issubclass(base, unittest.TestCase) else (unittest.TestCase,))
    cls = type(name, bases, body)
    globals()[name] = cls
    CASES.append(cls)


class ReadsPickles(Bed):
    """Feeds the cases' own pickles, which reach the standard library."""

    def loads(self, data: bytes, **kwargs: Any) -> Any:
        return self.subject.load_pickle(data, **kwargs)

    module_loads = loads


def fill_all() -> None:
    fory, module = Instance("Fory"), Module("pyfory.pickle")
    loose = (DescriptorsByValue,)
    fill_in("ForyTests", fory, "AbstractPickleTests", *loose, Bed)
    fill_in("ForyErrorTests", fory, "AbstractPicklingErrorTests", OwnWording, Bed, pickler=None)
    fill_in("InMemoryTests", module, "AbstractPickleTests", *loose, Bed, pickler=module.Pickler)
    fill_in("PicklerTests", module, "AbstractPickleTests", *loose, Written, pickler=module.Pickler)
    fill_in("ErrorTests", module, "AbstractPicklingErrorTests", OwnWording, Written, pickler=module.Pickler)
    functions = {name: staticmethod(getattr(module, name)) for name in ("dump", "dumps", "load", "loads")}
    functions.update(Pickler=module.Pickler, Unpickler=module.Unpickler)
    fill_in("ModuleTests", module, "AbstractPickleModuleTests", Bed, **functions)
    fill_in("PersistentTests", module, "AbstractPersistentPicklerTests", Persistent)
    fill_in("IdentityPersistentTests", module, "AbstractIdentityPersistentPicklerTests", Persistent)
    both = {"pickler_class": module.Pickler, "unpickler_class": module.Unpickler}
    fill_in("ObjectTests", module, "AbstractPicklerUnpicklerObjectTests", Bed, **both)
    for name, table in (
        ("DispatchTableTests", lambda self: copyreg.dispatch_table.copy()),
        ("ChainDispatchTableTests", lambda self: collections.ChainMap({}, copyreg.dispatch_table)),
    ):
        fill_in(name, module, "AbstractDispatchTableTests", Bed, get_dispatch_table=table, **both)
    hooked = type("Hooked", (module.Pickler, pickletester.AbstractCustomPicklerClass), {})
    fill_in("HookTests", module, "AbstractHookTests", OwnRegex, Bed, pickler_class=hooked)
    allowing = type("Allowing", (module.Unpickler,), {"allow_pickle": True})
    fill_in(
        "OldPicklesTests", module, "AbstractUnpickleTests", ReadsPickles, unpickler=allowing,
        bad_stack_errors=(pickle.UnpicklingError, IndexError),
        truncated_errors=(
            pickle.UnpicklingError, EOFError, AttributeError, ValueError, struct.error, IndexError, ImportError
        ),
    )  # fmt: skip


fill_all()


class RestTests(unittest.TestCase):
    """What the excluded cases check besides opcodes."""

    def setUp(self) -> None:
        self.subjects = {cls.subject.name: cls.subject for cls in CASES}  # type: ignore

    def check(self, value: Any) -> None:
        for subject in self.subjects.values():
            with self.subTest(subject=subject.name, type=type(value).__name__):
                back = subject.loads(subject.dumps(value))
                self.assertEqual(back, value)
                self.assertIs(type(back), type(value))
                if hasattr(value, "__dict__"):
                    self.assertEqual(vars(back), vars(value))

    def test_bytearray(self) -> None:
        for data in (b"", b"xyz", b"xyz" * 100, bytes(range(256)) * 300):
            self.check(bytearray(data))

    def test_containers_beyond_one_batch(self) -> None:
        for size in (0, 1, 10, 1000, 1001, 2500, 70000):
            self.check(list(range(size)))
            self.check(dict.fromkeys(range(size)))
            self.check(set(range(size)))
            self.check(tuple(range(size)))

    def test_new_without_init(self) -> None:
        # their __init__ would raise
        for name in ("SimpleNewObj", "ComplexNewObj", "ComplexNewObjEx"):
            cls = getattr(pickletester, name)
            value = cls.__new__(cls, 0xFACE)
            value.abc = 666
            self.check(value)

    def test_items_of_other_containers(self) -> None:
        self.check(pickletester.REX_six([1, 2, 3]))
        self.check(pickletester.REX_seven({1: -1, 2: -2, 3: -3}))

    def test_integers_of_all_sizes(self) -> None:
        for bits in (*range(70), 2039, 2040, 2041, 8 * 255, 8 * 256, 10**5):
            for value in ((1 << bits) - 1, 1 << bits, -(1 << bits), -(1 << bits) - 1):
                self.check(value)
        for subject in self.subjects.values():
            sizes = [len(subject.dumps(2**n)) for n in range(70)]
            self.assertEqual(sorted(sizes), sizes)

    def test_singletons(self) -> None:
        for subject in self.subjects.values():
            for value in (None, False, True, ..., NotImplemented):
                self.assertIs(subject.loads(subject.dumps(value)), value)

    def test_what_python_2_has_elsewhere(self) -> None:
        self.check(range(1, 7))
        self.check(collections.UserDict())
        self.check(collections.UserList())
        self.check(collections.defaultdict())
        for subject in self.subjects.values():
            back = subject.loads(subject.dumps(Exception("x", 1)))
            self.assertEqual((type(back), back.args), (Exception, ("x", 1)))

    def test_registered_extension(self) -> None:
        # an extension code must not disturb; MyList(...) has state and items
        value = pickletester.MyList([1, 2, 3])
        value.foo = 42
        key = (type(value).__module__, "MyList")
        for code in (1, 0xFF, 0x100, 0xABCD, 0x7FFFFFFF):
            saver = pickletester.ExtensionSaver(code)
            try:
                copyreg.add_extension(*key, code)
                self.check(value)
            finally:
                saver.restore()

    def test_slots(self) -> None:
        for cls, slots in ((OneSlot, ["a"]), (SubSlots, ["a", "c"]), (SlotsAndDict, ["a", "c"])):
            value = cls()
            for number, slot in enumerate(slots):
                setattr(value, slot, number)
            for subject in self.subjects.values():
                back = subject.loads(subject.dumps(value))
                self.assertIs(type(back), cls)
                self.assertEqual([getattr(back, slot) for slot in slots], list(range(len(slots))))
                self.assertFalse(hasattr(back, "b"))

    def test_in_band_buffers(self) -> None:
        for subject in self.subjects.values():
            for value in self.buffer_like_objects():
                data = subject.dumps(value, 5)
                if value.c_contiguous:
                    self.assertIn(b"abcdefgh", data)
                self.assertEqual(subject.dumps(value, 5, buffer_callback=lambda buffer: True), data)
                back = subject.loads(data)
                self.assertIsNot(back, value)
                self.assertEqual((type(back), back), (type(value), value))

    def test_out_of_band_buffers(self) -> None:
        for subject in self.subjects.values():
            for value in self.buffer_like_objects():
                buffers: List[Any] = []
                data = subject.dumps(value, 5, buffer_callback=lambda buffer: buffers.append(buffer.raw()))
                self.assertNotIn(b"abcdefgh", data)
                self.assertEqual(len(buffers), 1)
                if value.c_contiguous:
                    self.assertEqual(bytes(buffers[0]), b"abcdefgh")
                errors = subject.errors.get("UnpicklingError", pickle.UnpicklingError)
                self.assertRaises(errors, subject.loads, data)
                for given in (buffers, iter(buffers)):
                    back = subject.loads(data, buffers=given)
                    self.assertEqual((type(back), back), (type(value), value))
                    if isinstance(subject, Module):
                        self.assertEqual(back is value, value.zero_copy_reconstruct)

    def buffer_like_objects(self) -> Any:
        return pickletester.AbstractPickleTests.buffer_like_objects(self)  # type: ignore

    def test_large_and_small_in_turn(self) -> None:
        size = 64 * 1024
        for make in (bytes, bytearray):
            self.check({i: make([i]) * size for i in range(20)})
        self.check([b"x" * 2**20, *([i] for i in range(10)), b"y" * 2**20, "z" * 2**20])

    def test_output_in_pieces_stays_valid(self) -> None:
        class Pieces:
            def __init__(self) -> None:
                self.taken: List[Any] = []

            def write(self, piece: Any) -> None:
                self.taken.append(piece)

        objects = [(str(i).encode("ascii"), i % 42, {"i": str(i)}) for i in range(10**4)]
        for subject in self.subjects.values():
            if isinstance(subject, Module):
                pieces = Pieces()
                subject.Pickler(pieces).dump(objects)
                data = b"".join(pieces.taken)
                self.assertEqual(subject.loads(data), objects)
                self.assertEqual(b"".join(pieces.taken), data)


class OneSlot:
    __slots__ = ("a", "b")


class SubSlots(OneSlot):
    __slots__ = ("c",)


class SlotsAndDict(OneSlot):
    pass


@unittest.skipIf(CONTROL, "pickle passes what is left out")
class ExclusionTests(unittest.TestCase):
    """A case is left out only while it cannot pass."""

    def test_every_exclusion_is_needed(self) -> None:
        passing = []
        for cls in CASES:
            for name, function in cls.left_out.items():  # type: ignore
                tried = type(cls.__name__, (cls,), {name: function})(name)
                result = unittest.TestResult()
                tried.run(result)
                if result.wasSuccessful() and not result.skipped:
                    passing.append("%s.%s" % (cls.__name__, name))
        self.assertEqual(passing, [])

    def test_every_exclusion_has_a_case(self) -> None:
        known = {name for cls in CASES for name in dir(cls)}
        newer = {
            "test_bad_proto", "test_object_with_slots", "test_object_with_private_slots",
            "test_unpickleable_newobj_class", "test_unpickleable_newobj_ex_class", "test_picklebuffer_error",
            "test_nonencodable_global_name_error", "test_nonencodable_module_name_error", "test_find_class",
        }  # fmt: skip
        self.assertEqual(sorted(set(EXCLUDED) - known - newer), [])


if __name__ == "__main__":
    unittest.main()
