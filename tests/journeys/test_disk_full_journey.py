"""The disk fills up under load: refusals are clear, what was acknowledged is kept, room brings all back by itself."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from load import TITLE, Load, every_action, is_clear, wait_for_health
from lxml import etree

from server.demo import background
from tests.connectathon import Node, connectathon

MEGABYTES = 24


@dataclass(frozen=True)
class Disk:
    """A small disk of its own where this account may mount one; else a limit on the size of the server's files."""

    folder: Path
    mounted: bool

    def fill(self) -> None:
        """No byte more: ENOSPC, or EFBIG."""
        if not self.mounted:
            self._limit(0)
            return
        with (self.folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(4096)):
                pass

    def free(self) -> None:
        if self.mounted:
            (self.folder / "filler").unlink()
        else:
            self._limit(resource.RLIM_INFINITY)

    def _limit(self, most: int) -> None:
        parent = background.running(self.folder)
        assert parent is not None
        for pid in (parent, *_descendants(parent)):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def _descendants(pid: int) -> Iterator[int]:
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _descendants(child)


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    size = f"size={MEGABYTES}m"
    mounting = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mounting, check=False, capture_output=True).returncode == 0
    try:
        yield Disk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def limited(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    yield Disk(folder, False)


@pytest.mark.parametrize("kind", [disk, pytest.param(limited, marks=pytest.mark.long)], ids=["disk", "limit"])
def test_a_disk_that_fills_up_under_load(kind: type, tmp_path: Path) -> None:
    with kind(tmp_path / "small") as small, connectathon(small.folder) as node:
        load = Load(node)
        load.once()
        with load.running():
            while len(load.acknowledged) < 10:
                load.ended.wait(0.05)
            small.fill()
            load.wait_for(12)
            is_closed(node, load, whole=not small.mounted)
            small.free()
            wait_for_health(node, 200)
            kept = len(load.acknowledged)
            while len(load.acknowledged) < kept + 5:
                load.ended.wait(0.05)
        load.is_true()


def is_closed(node: Node, load: Load, *, whole: bool) -> None:
    """Whether nothing else is answered. A full disk has room for an event now and then; a limit has none (`whole`)."""
    said = wait_for_health(node, 503)
    assert '"documents":"RepositoryFull"' in said or '"database":"ServiceUnavailable"' in said
    for transaction, answer in every_action(node):
        assert is_clear(answer) if whole else not answer.success, (transaction, answer.fault)
    answer = node.find_documents(load.patient)
    assert is_clear(answer) or (answer.success and not whole)
    assert answer.success or TITLE not in etree.tostring(answer.root).decode()
