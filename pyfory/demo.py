"""The demonstration behind ``python -m pyfory demo``.

It collects data that is on every machine (the metadata of all installed
distributions, with their files, and the modules of the standard library),
writes and reads it in each mode of pyfory, checks with a fresh reader that
nothing was lost, and prints sizes and times beside pickle and json. Then it
reads messages that Java and Rust programs wrote.
"""

from __future__ import annotations

import datetime
import gc
import json
import os
import pickle
import platform
import sysconfig
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import pyfory
from pyfory.error import ForyUnsupportedError

# ------------------------------------------------------------------ the data


@dataclass
class InstalledFile:
    """A file of a distribution, as its RECORD lists it."""

    path: str
    size: Optional[int] = None
    digest: Optional[str] = None


@dataclass
class Distribution:
    """An installed distribution and what its metadata says."""

    name: str
    version: str
    summary: Optional[str] = None
    requires_python: Optional[str] = None
    requires: List[str] = field(default_factory=list)
    classifiers: List[str] = field(default_factory=list)
    urls: Dict[str, str] = field(default_factory=dict)
    files: List[InstalledFile] = field(default_factory=list)


@dataclass
class StdlibModule:
    """A source file of the standard library."""

    name: str
    lines: pyfory.Int32
    size: int
    modified: datetime.datetime
    is_package: bool = False


@dataclass
class Inventory:
    """What is installed for this interpreter."""

    python: str
    system: str
    taken: datetime.datetime
    distributions: List[Distribution]
    stdlib: List[StdlibModule]


#: Classes in the order in which they are registered.
CLASSES = (InstalledFile, Distribution, StdlibModule, Inventory)


def _distributions() -> List[Distribution]:
    from importlib import metadata

    found: Dict[str, Distribution] = {}
    for dist in metadata.distributions():
        try:
            info = dist.metadata
            name = (info.get_all("Name") or [""])[0]
            files = dist.files or []
        except Exception:  # a half-removed distribution is no reason to stop
            continue
        if not name or name in found:
            continue

        def first(key: str, info: Any = info) -> Optional[str]:
            values = info.get_all(key)
            return str(values[0]) if values else None

        urls = {}
        for entry in info.get_all("Project-URL") or []:
            label, _, url = entry.partition(",")
            urls[label.strip()] = url.strip()
        found[name] = Distribution(
            name=name,
            version=first("Version") or "",
            summary=first("Summary"),
            requires_python=first("Requires-Python"),
            requires=list(info.get_all("Requires-Dist") or []),
            classifiers=list(info.get_all("Classifier") or []),
            urls=urls,
            files=[InstalledFile(str(file), file.size, file.hash.value if file.hash else None) for file in files],
        )
    return sorted(found.values(), key=lambda dist: dist.name.lower())


def _stdlib_modules() -> List[StdlibModule]:
    root = sysconfig.get_paths()["stdlib"]
    modules = []
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        path, is_package = entry.path, False
        if entry.is_dir():
            path, is_package = os.path.join(path, "__init__.py"), True
        if not path.endswith(".py") or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            source = file.read()
        stamp = datetime.datetime.fromtimestamp(os.stat(path).st_mtime, datetime.timezone.utc)
        name = entry.name if is_package else entry.name[: -len(".py")]
        modules.append(StdlibModule(name, source.count(b"\n"), len(source), stamp, is_package))
    return modules


def collect() -> Inventory:
    """Return the inventory of this interpreter."""
    return Inventory(
        python=platform.python_version(),
        system="{} {}".format(platform.system(), platform.machine()),
        taken=datetime.datetime.now(datetime.timezone.utc),
        distributions=_distributions(),
        stdlib=_stdlib_modules(),
    )


# ----------------------------------------------------- the ways to write it


class Format(NamedTuple):
    """One way to write the inventory and read it back."""

    title: str
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]
    fresh_read: Callable[[bytes], Any]


def make_fory(**options: Any) -> pyfory.Fory:
    """Return a Fory that knows the classes of the inventory."""
    fory = pyfory.Fory(**options)
    for cls in CLASSES:
        fory.register(cls, name="pyfory.demo." + cls.__name__)
    return fory


def _fory_format(title: str, **options: Any) -> Format:
    fory = make_fory(**options)
    return Format(title, fory.serialize, fory.deserialize, lambda data: make_fory(**options).deserialize(data))


def _json_write(inventory: Inventory) -> bytes:
    return json.dumps(asdict(inventory), default=datetime.datetime.isoformat, ensure_ascii=False).encode()


def _json_read(data: bytes) -> Inventory:
    def distribution(doc: Dict[str, Any]) -> Distribution:
        return Distribution(**{**doc, "files": [InstalledFile(**file) for file in doc["files"]]})

    def module(doc: Dict[str, Any]) -> StdlibModule:
        return StdlibModule(**{**doc, "modified": datetime.datetime.fromisoformat(doc["modified"])})

    doc = json.loads(data)
    doc["taken"] = datetime.datetime.fromisoformat(doc["taken"])
    doc["distributions"] = [distribution(dist) for dist in doc["distributions"]]
    doc["stdlib"] = [module(entry) for entry in doc["stdlib"]]
    return Inventory(**doc)


def formats() -> Tuple[List[Format], List[str]]:
    """Return the formats to compare, and remarks on those that are not there."""
    found, remarks = [], []
    wanted: Tuple[Tuple[str, Dict[str, Any]], ...] = (
        ("pyfory xlang, compatible", {"xlang": True, "compatible": True}),
        ("pyfory xlang, fixed schema", {"xlang": True, "compatible": False}),
        ("pyfory native", {"xlang": False}),
    )
    for title, options in wanted:
        try:
            found.append(_fory_format(title, **options))
        except ForyUnsupportedError as error:
            remarks.append("{}: not in this version ({})".format(title, error))

    def pickled(inventory: Any) -> bytes:
        return pickle.dumps(inventory, protocol=pickle.HIGHEST_PROTOCOL)

    found.append(Format("pickle {}".format(pickle.HIGHEST_PROTOCOL), pickled, pickle.loads, pickle.loads))
    found.append(Format("json, via dicts", _json_write, _json_read, _json_read))
    return found, remarks


def best_time(function: Callable[[Any], Any], argument: Any, seconds: float = 0.4) -> float:
    """Return the shortest run time of ``function(argument)`` within a budget."""
    best = float("inf")
    gc.collect()
    end = time.perf_counter() + seconds
    runs = 0
    while runs < 3 or (time.perf_counter() < end and runs < 1000):
        start = time.perf_counter()
        function(argument)
        best = min(best, time.perf_counter() - start)
        runs += 1
    return best


# ------------------------------------------------- messages of other languages


@dataclass
class Person:
    """The class of the messages below, as Java and Rust programs know it too."""

    name: str
    age: pyfory.Int32
    scores: List[pyfory.Int32]
    labels: Dict[str, str]


#: Written by Apache Fory's Java (fory-core 1.5.0) and Rust (fory 1.7.7) libraries.
FOREIGN_MESSAGES = {
    "Java": (
        "01ff1e0022107c878d33d936e40d0c8c70133c91939a440500c44c1856562c0122e44815340c204c1616484e"
        "892452012401107369746514706f72746f10496e6573030c068b01d08c01"
    ),
    "Rust": (
        "01ff1e0022206c9ea0cc497ce40d0c8c70133c91939a440500c44c1854542c0122e44815340c204c1614484e"
        "892452012401127369746516706f72746f12496e6573030c068b01d08c01"
    ),
}
FOREIGN_VALUE = Person(name="Ines", age=41, scores=[3, -70, 9000], labels={"site": "porto"})


def read_foreign_messages() -> Dict[str, Any]:
    """Return what pyfory reads from each foreign message.

    Raises AssertionError when a message gives something else than was written.
    """
    values = {}
    for language, text in FOREIGN_MESSAGES.items():
        fory = pyfory.Fory(xlang=True)
        fory.register(Person, name="demo.Person")
        values[language] = fory.deserialize(bytes.fromhex(text))
        if values[language] != FOREIGN_VALUE:
            raise AssertionError("the message from {} was misread: {!r}".format(language, values[language]))
    return values


# ---------------------------------------------------------------- the report


def run(seconds: float = 0.4) -> int:
    """Print the whole demonstration; return a process exit code.

    ``seconds`` bounds the measuring of each format in each direction.
    """
    print("pyfory {} on Python {}, {}".format(pyfory.__version__, platform.python_version(), platform.platform()))
    print()
    inventory = collect()
    files = sum(len(dist.files) for dist in inventory.distributions)
    print(
        "Real data from this machine: {:,} installed distributions with {:,} files, {:,} standard library"
        " modules,\nas nested dataclasses ({:,} objects).".format(
            len(inventory.distributions),
            files,
            len(inventory.stdlib),
            1 + len(inventory.distributions) + files + len(inventory.stdlib),
        )
    )
    print()

    found, remarks = formats()
    line = "{:<28}{:>14}{:>13}{:>13}{:>12}"
    print(line.format("", "bytes", "write ms", "read ms", "equal"))
    rows = {}
    failed = False
    for entry in found:
        data = entry.write(inventory)
        equal = entry.fresh_read(data) == inventory
        failed = failed or not equal
        rows[entry.title] = (len(data), best_time(entry.write, inventory, seconds), best_time(entry.read, data, seconds))
        size, write, read = rows[entry.title]
        print(
            line.format(
                entry.title,
                "{:,}".format(size),
                "{:.3f}".format(write * 1e3),
                "{:.3f}".format(read * 1e3),
                "yes" if equal else "NO",
            )
        )
    for remark in remarks:
        print(remark)
    print()
    print("Best of many runs, with the garbage collector on. Each payload was read back by a fresh reader and compared.")

    print()
    print("Messages from other languages, read by this process:")
    for language, value in read_foreign_messages().items():
        print("  {:<5}{:>4} bytes -> {}".format(language, len(FOREIGN_MESSAGES[language]) // 2, value))
    stranger = pyfory.Fory(xlang=True).deserialize(bytes.fromhex(FOREIGN_MESSAGES["Java"]))
    print("  The first one again, by a reader that does not know the class:")
    print("  {!r}".format(stranger))
    return 1 if failed else 0
