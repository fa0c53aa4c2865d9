"""The command line: ``python -m pyfory demo`` and ``info``."""

import subprocess
import sys

import pytest

from pyfory import __main__ as cli
from pyfory import demo


def test_demo(capsys):
    assert cli.main(["demo", "--seconds", "0"]) == 0
    output = capsys.readouterr().out
    assert "pyfory xlang, compatible" in output and "pickle" in output and "json" in output
    assert "NO" not in output.split("Messages from other languages")[0]
    assert output.count("Person(name='Ines', age=41") == 2
    assert "UnknownStruct" in output


def test_demo_collects_real_data():
    inventory = demo.collect()
    assert "pyfory" in [dist.name for dist in inventory.distributions]
    assert len(inventory.stdlib) > 100


def test_foreign_messages():
    assert set(demo.read_foreign_messages()) == {"Java", "Rust"}


def test_info(capsys):
    assert cli.main(["info"]) == 0
    output = capsys.readouterr().out
    assert "kernels in use" in output and "scalar" in output


def test_without_a_command_it_explains_itself(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_as_a_module(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pyfory", "info"], cwd=str(tmp_path), stdout=subprocess.PIPE, universal_newlines=True
    )
    assert done.returncode == 0 and done.stdout.startswith("pyfory")
