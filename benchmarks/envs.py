"""The environments of the peers: made once under ``build/bench`` and kept while their requirements stay the same."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, Tuple

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
PLACE = ROOT / "build" / "bench"


class SetupError(Exception):
    """An environment could not be made or does not hold what is needed."""


def _python_of(env: Path) -> Path:
    return env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _tag(python: str) -> str:
    code = "import platform, sys; print(sys.implementation.cache_tag, platform.python_version())"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip().replace(" ", "-")


def _requirements(name: str) -> List[str]:
    lines = (PACKAGE / f"requirements-{name}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def ensure(name: str, python: str, say) -> str:
    """Return the interpreter of the environment ``name``, made from ``python`` and requirements-``name``.txt.

    A package that cannot be installed is left out and noted, see `missing`; the first one of the list is not optional.
    Raises SetupError with the output of the failed command.
    """
    wanted = (PACKAGE / f"requirements-{name}.txt").read_text()
    env = PLACE / f"{name}-{_tag(python)}"
    stamp = env / "requirements.installed"
    target = str(_python_of(env))
    if stamp.exists() and stamp.read_text() == wanted:
        return target
    say(f"setting up the environment '{name}': {', '.join(wanted.split())}")
    shutil.rmtree(env, ignore_errors=True)
    env.parent.mkdir(parents=True, exist_ok=True)
    _run([python, "-m", "venv", str(env)])
    pip = [target, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    lost: Dict[str, str] = {}
    try:
        _run(pip + _requirements(name))
    except SetupError:
        # One by one, so that what can be had is there.
        for number, item in enumerate(_requirements(name)):
            try:
                _run(pip + [item])
            except SetupError as error:
                if number == 0:
                    raise
                lost[item] = (str(error).strip().splitlines() or ["?"])[-1]
                say(f"not installed: {item}")
    (env / "missing.json").write_text(json.dumps(lost))
    stamp.write_text(wanted)
    return target


def _run(step: List[str]) -> None:
    done = subprocess.run(step, capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"{' '.join(step)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def missing(name: str, python: str) -> Dict[str, str]:
    """Return what could not be installed into an environment, and pip's last word about it."""
    try:
        return json.loads((PLACE / f"{name}-{_tag(python)}" / "missing.json").read_text())
    except OSError:
        return {}


def beside(python: str, say) -> str:
    """Return an interpreter that sees the pyfory of ``python`` and, before it, the packages of requirements-ours.txt.

    So all sides have the same NumPy and pandas, and the caller's environment stays as it is. Raises SetupError.
    """
    target = ensure("ours", python, say)
    code = "import os, pyfory; print(os.path.dirname(os.path.dirname(pyfory.__file__)))"
    place = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True, cwd=os.path.sep).stdout.strip()
    code = "import sysconfig; print(sysconfig.get_path('platlib'))"
    own = subprocess.run([target, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    Path(own, "measured.pth").write_text(place + "\n")
    return target


def check_ours(python: str) -> None:
    """Raise SetupError unless ``python`` can import an installed pyfory."""
    done = subprocess.run([python, "-I", "-c", "import pyfory; pyfory.Fory"], capture_output=True, text=True, cwd=os.path.sep)
    if done.returncode:
        detail = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise SetupError(f"the interpreter to measure cannot import pyfory ({detail}); run 'pip install .' or give --ours PYTHON")


def interpreters(ours: str, need: Dict[str, bool], say) -> Tuple[Dict[str, str], Dict[str, str]]:
    """Return the interpreter of each home that is needed (ours, upstream, others), and why others could not be had."""
    check_ours(ours)
    homes: Dict[str, str] = {}
    lost: Dict[str, str] = {}
    try:
        homes["ours"] = beside(ours, say)
    except SetupError as error:
        lost["ours"] = f"measured in its own environment, without pandas: {str(error).strip().splitlines()[-1]}"
        homes["ours"] = ours
    for name in ("upstream", "others"):
        if need[name]:
            try:
                homes[name] = ensure(name, ours, say)
            except SetupError as error:
                lost[name] = str(error).strip().splitlines()[-1]
                say(f"not available: {name}: {lost[name]}")
    for name in homes:
        lost.update({f"{item} ({name})": reason for item, reason in missing(name, ours).items()})
    return homes, lost
