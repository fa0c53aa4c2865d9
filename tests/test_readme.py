"""What README.md and the pages of docs show must run as printed."""

import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def blocks(language, page="README.md"):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return re.findall(r"^```{}\n(.*?)^```".format(language), file.read(), re.M | re.S)


EXAMPLES = [(page, number) for page in ("README.md", "docs/serializers.md") for number in range(len(blocks("python", page)))]


@pytest.mark.parametrize("page, number", EXAMPLES)
def test_python_examples(page, number, tmp_path):
    source = blocks("python", page)[number]
    script = tmp_path / "example.py"
    script.write_text(source, encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", str(script)], stdout=subprocess.PIPE, universal_newlines=True, check=True)
    # a comment after a print shows what it prints
    expected = re.findall(r"print\(.*\)\n# (.*)", source)
    assert done.stdout.splitlines() == expected


def test_exactly_two_set_up_commands():
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]
    assert len(commands) == 2
    assert all(command.startswith("python3 -m venv .venv && .venv/bin/pip install ") for command in commands)
