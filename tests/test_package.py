"""The installed package: version, licences, exported symbols, light import."""

import glob
import importlib
import os
import shutil
import subprocess
import sys

import pytest
import support

import pyfory

metadata = pytest.importorskip("importlib.metadata")


def test_version_has_one_source():
    from pyfory import _version

    assert pyfory.__version__ == _version.__version__ == metadata.version("pyfory")


def test_licences_are_installed():
    files = {str(file).replace(os.sep, "/").rsplit("licenses/", 1)[-1] for file in metadata.files("pyfory")}
    assert {"LICENSE", "NOTICE", "LICENSES/SIMDe-MIT.txt", "LICENSES/Hedley-CC0.txt"} <= files


def test_type_information_is_installed():
    folder = os.path.dirname(pyfory.__file__)
    assert os.path.exists(os.path.join(folder, "py.typed"))
    assert os.path.exists(os.path.join(folder, "_core.pyi"))


def test_only_the_init_function_is_exported():
    nm = shutil.which("nm")
    core = importlib.import_module("pyfory._core").__file__
    if nm is None or not core.endswith(".so") or sys.platform == "darwin" or os.environ.get("PYFORY_SANITIZED"):
        pytest.skip("needs nm, an ELF module and a build without sanitizers")
    lines = subprocess.run([nm, "-D", "--defined-only", core], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    assert [line.split()[-1] for line in lines.splitlines()] == ["PyInit__core"]


@pytest.mark.parametrize(
    "module", ["numpy", "pandas", "pyarrow", "inspect", "dataclasses", "decimal", "asyncio", "importlib.metadata"]
)
def test_import_is_light(module):
    code = "import sys; before = set(sys.modules); import pyfory; sys.exit({!r} in set(sys.modules) - before)".format(module)
    # -S: site-packages' own start-up files may import anything
    path = os.path.dirname(os.path.dirname(pyfory.__file__))
    environment = dict(os.environ, PYTHONPATH=path)
    assert subprocess.run([sys.executable, "-S", "-c", code], env=environment, cwd=path).returncode == 0


FIRST_MESSAGES = {
    "xlang": "f = pyfory.Fory(); f.register(people.Person, name='x.P')",
    "native": "f = pyfory.Fory(xlang=False, ref=True, strict=False)",
}


@pytest.mark.parametrize("mode", FIRST_MESSAGES)
def test_the_first_message_of_a_plain_class_is_light(mode, tmp_path):
    """Modules for decimals, UUIDs and, for a class that is found by its name, code by value would take milliseconds."""
    (tmp_path / "people.py").write_text(
        "import dataclasses\n@dataclasses.dataclass\nclass Person:\n    name: str\n    age: int\n", encoding="utf-8"
    )
    out = support.check_python("""
        import sys, dataclasses, pyfory
        sys.path.insert(0, sys.argv[1])
        before = set(sys.modules)
        import people
        %s
        value = people.Person("Mira", 30)
        assert f.loads(f.dumps(value)) == value
        new = set(sys.modules) - before
        print(sorted(new & {"decimal", "uuid", "hashlib", "platform", "struct", "pyfory.native.code", "pyfory.native.safe"}))
    """ % FIRST_MESSAGES[mode], args=[str(tmp_path)])  # fmt: skip
    assert out.strip() == "[]"


def test_no_stray_files_in_the_package():
    folder = os.path.dirname(pyfory.__file__)
    for pattern in ("**/*.c", "**/*.h", "**/*.o", "**/CMakeLists.txt"):
        assert glob.glob(os.path.join(folder, pattern), recursive=True) == []
