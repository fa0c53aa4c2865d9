"""Makes docs/pickle-parity.md: what pickle, cloudpickle, upstream pyfory and this
package do with every kind of object in kinds.py.

    python tests/native/parity_table.py [--upstream PYTHON] > docs/pickle-parity.md

Runs with the Python that has this package, cloudpickle and the packages that the
kinds need; PYTHON is that of an environment with pyfory 1.7.7 and the same
packages (tests/native/setup.sh makes both). Each kind is written by one process
and read by another, and a process that dies is started again.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any, Dict, List, NamedTuple, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from native import kinds  # noqa: E402
from native.peer import Died, Peer  # noqa: E402

COLUMNS = ["pickle", "cloudpickle", "upstream", "pyfory"]


class Outcome(NamedTuple):
    word: str
    detail: str = ""


def run(codec: str, python: str = sys.executable, names: Optional[List[str]] = None) -> Dict[str, Outcome]:
    """What `codec` does with each kind, by name; kinds that its environment lacks are left out."""
    writer, reader = Peer(codec, python), Peer(codec, python)
    outcomes = {}
    try:
        for kind in kinds.KINDS:
            if names is None or kind.name in names:
                outcome = try_kind(kind, writer, reader)
                if outcome is not None:
                    outcomes[kind.name] = outcome
    finally:
        writer.close()
        reader.close()
    return outcomes


def try_kind(kind: kinds.Kind, writer: Peer, reader: Peer) -> Optional[Outcome]:
    try:
        written = writer.ask(do="write", kind=kind.name)
    except Died:
        return Outcome("crash", "the writer dies")
    if "missing" in written:
        return None
    if "error" in written:
        if kind.refused:
            return Outcome("refused")
        return Outcome("not written", written["error"])
    try:
        read = reader.ask(do="read", kind=kind.name, data=written["data"])
    except Died:
        return Outcome("crash", "the reader dies")
    if "error" in read:
        return Outcome("not read", read["error"])
    if kind.refused:
        return Outcome("accepted")
    if "failed" in read:
        return Outcome("wrong", "expected `%s`, got `%s`" % (read["failed"], read["value"]))
    return Outcome("yes")


def version(codec: str, python: str = sys.executable) -> Dict[str, Any]:
    peer = Peer(codec, python)
    try:
        return peer.ask(do="hello")
    finally:
        peer.close()


# ------------------------------------------------------------------ the page

GOOD = {"yes", "refused"}

INTRODUCTION = """\
# Parity with pickle

What becomes of {count} kinds of object when one process writes them and another
reads them. The page is made by `tests/native/parity_table.py` from the kinds in
`tests/native/kinds.py`, which say what the reader must find: type, value, state
and identity. Python {python}, {columns}.

* **yes**: came back exactly
* **wrong**: came back as something else, and nobody was told
* **not written**, **not read**: an error, in the writer or only in the reader
* **crash**: the interpreter died
* **refused**, for what cannot travel: an error when it is written, as it should
  be; **accepted**: something came out at the other end

`pickle` and `cloudpickle` use protocol 5. `upstream` is pyfory 1.7.7 with
`Fory(xlang=False, ref=True, strict=False, compatible=False)`; its default,
`compatible=True`, reads no class in a process that has not registered it.
`pyfory` is this package with `Fory(xlang=False, ref=True, strict=False)`.

## In place of pickle

    from pyfory import pickle

has pickle's functions, classes and errors, down to `persistent_id`,
`reducer_override`, `dispatch_table`, `find_class`, out-of-band buffers and the memo
that several dumps of a Pickler share. CPython's own tests of pickle run against it
(`tests/native/test_pickletester.py`, which names the cases that look into pickle's
bytes). What is written with it, pickle cannot read; what pickle wrote, it reads with
`allow_pickle=True`. These programs run with it, see `tests/native/clients`:

| program | what to change |
|---|---|
| multiprocessing, concurrent.futures | a `ForkingPickler` over `pyfory.pickle.Pickler` (`forking.py`) |
| shelve | `shelve.Pickler`, `shelve.Unpickler` |
| joblib (loky) | `set_loky_pickler` with a Pickler whose messages pickle.loads opens (`loky_pickler.py`) |
| SQLAlchemy | `PickleType(pickler=pyfory.pickle)` |
| diskcache | `diskcache.core.pickle`, and its use of pickletools on keys |

## Result

"""


def page(results: Dict[str, Dict[str, Outcome]], versions: Dict[str, Dict[str, Any]]) -> str:
    columns = [column for column in COLUMNS if column in results]
    shown = [kind for kind in kinds.KINDS if all(kind.name in results[column] for column in columns)]
    lines = [
        INTRODUCTION.format(
            count=len(shown),
            python=versions[columns[-1]]["python"],
            columns=", ".join("%s %s" % (c, versions[c]["version"]) for c in columns if c != "pickle"),
        ),
        "| " + " | ".join(["", *columns]) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for label, words in (
        ("right", GOOD),
        ("wrong, silently", {"wrong", "accepted"}),
        ("error when written", {"not written"}),
        ("error when read", {"not read"}),
        ("crash", {"crash"}),
    ):
        counts = [sum(results[c][kind.name].word in words for kind in shown) for c in columns]
        lines.append("| " + " | ".join([label, *map(str, counts)]) + " |")
    group = None
    for kind in shown:
        if kind.group != group:
            group = kind.group
            lines += ["", "## " + group, "", "| " + " | ".join(["kind", *columns]) + " |", "|---" * (len(columns) + 1) + "|"]
        words = [results[c][kind.name].word for c in columns]
        lines.append("| " + " | ".join([in_markdown(kind.name), *(w if w in GOOD else "**%s**" % w for w in words)]) + " |")
    lines += ["", "## What came back wrong", ""]
    for column in columns:
        for kind in shown:
            outcome = results[column][kind.name]
            if outcome.word == "wrong":
                lines.append("* %s, %s: %s" % (column, in_markdown(kind.name), clean(outcome.detail)))
    return "\n".join(lines) + "\n"


def in_markdown(name: str) -> str:
    return re.sub(r"(__\w+__)", r"`\1`", name)


def clean(text: str) -> str:
    text = re.sub(r" at 0x[0-9a-f]+", " at 0x...", " ".join(text.split()))
    return text if len(text) < 200 else text[:200] + "...`"


def parse(text: str) -> Dict[str, Dict[str, str]]:
    """The outcome words of a page, by kind and column."""
    outcomes: Dict[str, Dict[str, str]] = {}
    columns: List[str] = []
    for line in text.splitlines():
        cells = [cell.strip().strip("*") for cell in line.strip("|").split(" | ")]
        if line.startswith("| kind |"):
            columns = [c.rstrip(" |") for c in cells[1:]]
        elif line.startswith("#"):
            columns = []
        elif columns and line.startswith("| "):
            words = [cell.rstrip(" |").strip("*") for cell in cells[1:]]
            outcomes[cells[0].replace("`", "")] = dict(zip(columns, words))
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", default=os.environ.get("PYFORY_PARITY_UPSTREAM"), help="Python that has pyfory 1.7.7")
    parser.add_argument("--columns", default=",".join(COLUMNS))
    options = parser.parse_args()
    results, versions = {}, {}
    for column in options.columns.split(","):
        python = options.upstream if column == "upstream" else sys.executable
        if python is None:
            parser.error("--upstream is needed")
        versions[column] = version(column, python)
        results[column] = run(column, python)
    sys.stdout.write(page(results, versions))


if __name__ == "__main__":
    main()
