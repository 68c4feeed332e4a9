"""What tests of the repository do with documents."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from repository.content import Content
from repository.files import INCOMING, LocalFiles, StagedFile

LETTER = b"<ClinicalDocument/>"


def staged(files: LocalFiles, *chunks: bytes) -> StagedFile:
    document = files.stage()
    for chunk in chunks:
        document.write(chunk)
    return document


def keep(files: LocalFiles, data: bytes) -> Content:
    document = staged(files, data)
    content = document.finish()
    document.keep()
    return content


def stored(root: Path) -> list[Path]:
    """The documents under `root`, wherever they are."""
    return sorted(file for file in root.glob("??/*"))


def incoming(root: Path) -> list[Path]:
    return sorted((root / INCOMING).iterdir())


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
