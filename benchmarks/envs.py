"""The environments of the peers: made once under ``build/bench`` and kept while their requirements stay the same."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List

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


def ensure(name: str, python: str, say) -> str:
    """Return the interpreter of the environment ``name``, made from ``python`` and requirements-``name``.txt.

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
    steps: List[List[str]] = [
        [python, "-m", "venv", str(env)],
        [target, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r", str(PACKAGE / f"requirements-{name}.txt")],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            raise SetupError(f"{' '.join(step)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    stamp.write_text(wanted)
    return target


def check_ours(python: str) -> None:
    """Raise SetupError unless ``python`` can import an installed pyfory."""
    done = subprocess.run([python, "-I", "-c", "import pyfory; pyfory.Fory"], capture_output=True, text=True, cwd=os.path.sep)
    if done.returncode:
        detail = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise SetupError(f"the interpreter to measure cannot import pyfory ({detail}); run 'pip install .' or give --ours PYTHON")


def interpreters(ours: str, need: Dict[str, bool], say) -> Dict[str, str]:
    """Return the interpreter of each home that is needed: ours, upstream, others."""
    check_ours(ours)
    result = {"ours": ours}
    for name in ("upstream", "others"):
        if need[name]:
            result[name] = ensure(name, ours, say)
    return result
