"""A process killed while it stages and keeps: what it acknowledged is there, whole, and nothing else is half there."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from repository.content import Content
from repository.files import LocalFiles

ROOT = Path(__file__).resolve().parents[2]

# Keeps documents of 1 to 200 kB for ever; after each `keep` it says so in one write.
WRITER = """
import os, random, sys
from pathlib import Path
from repository.files import LocalFiles

files, chance = LocalFiles(Path(sys.argv[1])), random.Random(sys.argv[2])
os.write(1, b"ready\\n")
while True:
    document = files.stage()
    for _ in range(chance.randrange(1, 5)):
        document.write(chance.randbytes(chance.randrange(1_000, 50_000)))
    content = document.finish()
    document.keep()
    os.write(1, f"{content.sha256} {content.sha1} {content.size}\\n".encode())
"""


def run_and_kill(root: Path, seed: int, documents: int, seconds: float) -> list[Content]:
    """What a writer acknowledged before it was killed, `seconds` after it had acknowledged that many documents."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WRITER, str(root), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        lines = [writer.stdout.readline() for _ in range(documents)]
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines()
    acknowledged = (line.decode().split() for line in lines)
    return [Content(sha256, sha1, int(size)) for sha256, sha1, size in acknowledged]


@pytest.mark.parametrize("rounds", [6, pytest.param(60, marks=pytest.mark.long)])
def test_killed_at_random(tmp_path: Path, rounds: int) -> None:
    chance = random.Random(rounds)
    acknowledged: list[Content] = []
    for seed in range(rounds):
        acknowledged += run_and_kill(tmp_path, seed, chance.randrange(1, 12), chance.uniform(0.0, 0.02))
        files = LocalFiles(tmp_path)
        for content in acknowledged:
            assert hashlib.sha256(b"".join(files.chunks(content))).hexdigest() == content.sha256
    assert len(acknowledged) >= rounds

    # What the last kill cut short may be kept and not acknowledged; but whatever has a name is whole.
    names = {file.name for file in tmp_path.glob("??/*")}
    assert len(names) - len(acknowledged) in range(rounds + 1)
    assert {len(name) for name in names} == {64}
    left = len(list((tmp_path / "incoming").iterdir()))
    assert left <= rounds
    assert files.sweep(datetime.now(UTC) + timedelta(days=1)) == left
    assert {file.name for file in tmp_path.glob("??/*")} == names


def test_killed_inside_rename(tmp_path: Path) -> None:
    """Killed at the last moment before publication, the document is nowhere; just after, it is whole."""
    script = """
import os, signal, sys
from pathlib import Path
from repository.files import LocalFiles

moment, real = sys.argv[2], os.rename
def rename(*arguments, **keywords):
    if moment == "after":
        real(*arguments, **keywords)
    os.kill(os.getpid(), signal.SIGKILL)
document = LocalFiles(Path(sys.argv[1])).stage()
document.write(b"whole" * 1000)
document.finish()
os.rename = rename
document.keep()
"""
    data = b"whole" * 1000
    for moment, found in (("before", []), ("after", [data])):
        root = tmp_path / moment
        command = [sys.executable, "-c", script, str(root), moment]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        assert done.returncode == -signal.SIGKILL
        assert [file.read_bytes() for file in root.glob("??/*")] == found
        document = LocalFiles(root).stage()  # the next process goes on
        document.write(data)
        content = document.finish()
        document.keep()
        assert b"".join(LocalFiles(root).chunks(content)) == data
