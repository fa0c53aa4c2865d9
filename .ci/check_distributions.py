"""Builds the sdist and, from it, the wheel, and checks what they hold.

    python .ci/check_distributions.py FOLDER

needs the packages build, scikit-build-core and simde-py beside it.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

#: What of the repository belongs into an sdist.
WANTED = re.compile(
    r"""
      (CMakeLists\.txt|pyproject\.toml|README\.md|CONTRIBUTING\.md|LICENSE|NOTICE)
    | LICENSES/[^/]+\.txt
    | cmake/[^/]+\.cmake
    | docs/.+\.md
    | csrc/.+\.(c|h|inc)
    | pyfory/.+\.pyi?
    | pyfory/py\.typed
    | tests/.+\.(py|c|h|json)
    | tests/[^/]+\.txt
    | tests/c/corpus/.+
    """,
    re.VERBOSE,
)

#: What a wheel holds beside the Python files of pyfory/.
WHEEL_REST = re.compile(
    r"""
      pyfory/py\.typed
    | pyfory/_core\.[^/]+\.(so|pyd)
    | pyfory-[^/]+\.dist-info/(METADATA|RECORD|WHEEL|entry_points\.txt)
    | pyfory-[^/]+\.dist-info/licenses/(LICENSE|NOTICE|LICENSES/[^/]+\.txt)
    """,
    re.VERBOSE,
)


def difference(title: str, expected: set, found: set) -> int:
    for name in sorted(expected - found):
        print("{}: missing: {}".format(title, name))
    for name in sorted(found - expected):
        print("{}: not wanted: {}".format(title, name))
    return len(expected ^ found)


def build(kind: str, source: pathlib.Path, folder: pathlib.Path) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--" + kind, "--outdir", str(folder), str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode:
        print(done.stdout)
        sys.exit("the build of the {} failed".format(kind))


def main() -> int:
    folder = pathlib.Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=str(ROOT), check=True, stdout=subprocess.PIPE, universal_newlines=True,
    ).stdout  # fmt: skip
    tracked = {name for name in listing.splitlines() if (ROOT / name).exists()}
    expected = {name for name in tracked if WANTED.fullmatch(name)}

    build("sdist", ROOT, folder)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(str(sdist)) as archive:
        found = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}
        archive.extractall(str(folder / "unpacked"))
    bad = difference("sdist", expected | {"PKG-INFO"}, found)

    (source,) = (folder / "unpacked").iterdir()
    build("wheel", source, folder)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(str(wheel)) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    rest = {name for name in names if WHEEL_REST.fullmatch(name)}
    python = {name for name in expected if re.fullmatch(r"pyfory/.+\.pyi?", name)}
    bad += difference("wheel", python, names - rest)
    if sum(name.startswith("pyfory/_core.") and not name.endswith(".pyi") for name in rest) != 1:
        print("wheel: there must be exactly one compiled module")
        bad += 1
    for name in ("LICENSE", "NOTICE", "LICENSES/SIMDe-MIT.txt", "LICENSES/Hedley-CC0.txt"):
        if not any(entry.endswith(".dist-info/licenses/" + name) for entry in rest):
            print("wheel: missing licence file {}".format(name))
            bad += 1
    print(
        "sdist: {} files, {:,} bytes; wheel: {} files, {:,} bytes: {}".format(
            len(found), sdist.stat().st_size, len(names), wheel.stat().st_size, "bad" if bad else "as they should be"
        )
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
