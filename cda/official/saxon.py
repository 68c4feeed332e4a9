"""A Saxon process of one's own: started when first needed, replaced when it has grown, died or taken too long."""

from __future__ import annotations

import importlib.util
import json
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_MEGABYTES = 900
MAX_DOCUMENTS = 500
TIMEOUT = 120.0  # seconds for one document, the first one compiles


class SaxonError(RuntimeError):
    """Saxon is not there, or gave no answer; the text says it in French."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A stylesheet and the value sets that it uses, each by its name and path."""

    stylesheet: Path
    files: dict[str, str]


class SaxonProcess:
    """One process and what has been asked of it. Not for several threads at once."""

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        if importlib.util.find_spec("saxonche") is None:
            raise SaxonError("attendu saxonche pour les schématrons officiels : pip install open-dmp[official]")
        self._timeout, self._answered = timeout, 0
        self._process: subprocess.Popen[bytes] | None = None

    def reports(self, document: str, asked: Sequence[Asked]) -> list[str]:
        """What each stylesheet says of the document, as XML. Raises SaxonError."""
        question = {
            "document": document,
            "stylesheets": [{"path": str(each.stylesheet), "files": each.files} for each in asked],
        }
        answer = self._ask(json.dumps(question).encode() + b"\n")
        self._answered += 1
        if answer["megabytes"] > MAX_MEGABYTES or self._answered >= MAX_DOCUMENTS:
            self.close()
        reports = []
        for each, said in zip(asked, answer["said"], strict=True):
            if "error" in said:
                raise SaxonError(f"{each.stylesheet.name} : {said['error']}")
            reports.append(said["report"])
        return reports

    def close(self) -> None:
        """Ends the process, if there is one."""
        process, self._process, self._answered = self._process, None, 0
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, question: bytes) -> dict[str, Any]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cda.official.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise SaxonError("le processus Saxon n'a pas de tuyau")
        try:
            stdin.write(question)
            stdin.flush()
            ready, _, _ = select.select([stdout], [], [], self._timeout)
            line = stdout.readline() if ready else b""
        except OSError:
            line = b""
        if not line:
            self.close()
            raise SaxonError(f"attendu une réponse de Saxon en {self._timeout:.0f} s ; il n'y en a pas eu")
        answer: dict[str, Any] = json.loads(line)
        return answer
