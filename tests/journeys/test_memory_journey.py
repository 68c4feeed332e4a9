"""A document of 100 MB goes in and comes out, and never sits whole in the server's memory."""

from __future__ import annotations

import base64
import hashlib
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

import pytest

from conformance.lps.mtom import receive
from conformance.lps.soap import RETRIEVE_DOCUMENT_SET, check, read_body
from conformance.lps.transport import Transport, client_context
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.village import Village

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux: /proc/PID/clear_refs")

MEGABYTE = 1_000_000
DOCUMENT_BYTES = 100 * MEGABYTE
ALLOWED_BYTES = 150 * MEGABYTE
PATIENT = 11  # index in PATIENTS
PAPER = Paper("hospital_stay_report", "hopital", "medecin-hospitalier", PATIENT, 1)


def test_100_mb_by_mtom_stay_under_150_mb_above_idle(village: Village, tmp_path: Path) -> None:
    _warm(village, tmp_path)
    large = _large(tmp_path)
    with _watched(village.pid) as peak:
        unique_id = _provide(village, large, inline=False)
        opened = _open(village, unique_id, tmp_path)
    assert peak.bytes < ALLOWED_BYTES
    assert _sha256(opened) == _sha256(large)


def test_100_mb_inline_stay_under_150_mb_above_idle(village: Village, tmp_path: Path) -> None:
    _warm(village, tmp_path)
    large = _large(tmp_path)
    with _watched(village.pid) as peak:
        unique_id = _provide(village, large, inline=True)
        opened = _open_inline(village, unique_id, tmp_path)
    assert peak.bytes < ALLOWED_BYTES
    assert _sha256(opened) == _sha256(large)


def test_what_a_process_of_the_tree_takes_for_a_moment_is_seen() -> None:
    """The measure itself: a child of a child that takes 64 MB and gives them back."""
    child = "print('ready', flush=True); input(); len(b'x' * 64_000_000); print('done', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with _watched(process.pid) as peak:
            process.stdin.write("\n")
            assert process.stdout.readline() == "done\n"
        process.stdin.write("\n")
    assert 60 * MEGABYTE < peak.bytes < 80 * MEGABYTE


def _warm(village: Village, folder: Path) -> None:
    """Workers load and fill their caches on the first requests; idle is what they take after these."""
    for _ in range(4):
        small = write(PAPER, folder, 1, datetime.now(UTC))
        unique_id = _provide(village, small, inline=True)
        assert _open(village, unique_id, folder).read_bytes() == small.read_bytes()
        assert _open_inline(village, unique_id, folder).read_bytes() == small.read_bytes()


def _provide(village: Village, file: Path, *, inline: bool) -> str:
    patient = village.patient(PATIENTS[PATIENT].ins)
    (unique_id,) = village.lps("hopital").provide([file], patient, inline=inline).unique_ids
    return unique_id


def _open(village: Village, unique_id: str, folder: Path) -> Path:
    opened = folder / "opened.xml"
    village.lps("medecin-traitant").open(unique_id, opened, village.patient(PATIENTS[PATIENT].ins))
    return opened


def _open_inline(village: Village, unique_id: str, folder: Path) -> Path:
    """As `_open`, asked for in simple SOAP, and so answered with the document as base64 in the envelope."""
    lps, patient = village.lps("medecin-traitant"), village.patient(PATIENTS[PATIENT].ins)
    repository = lps.locate(unique_id, patient).repository_unique_id
    request = lps.prepare_open(repository, unique_id, patient)
    envelope = b"".join(request.body).partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
    sender = village.demo.sender("medecin-traitant")
    transport = Transport(village.demo.address(), client_context(sender.keys, str(village.demo.ca)), 60)
    header = f'application/soap+xml; charset=UTF-8; action="{RETRIEVE_DOCUMENT_SET}"'
    with transport.post(request.path, header, len(envelope), [envelope]) as response:
        assert response.headers.get_content_type() == "application/soap+xml"
        answer = receive(response, response.headers["Content-Type"], folder)
        body = read_body(answer.envelope, response.status, request.message_id)
    transport.close()
    assert check(body) == []
    (stored,) = answer.documents(body, folder)
    assert stored is not None
    return stored.path


def _large(folder: Path) -> Path:
    large = write(PAPER, folder, 2, datetime.now(UTC))
    _enlarge(large)
    return large


def _enlarge(file: Path) -> None:
    """Makes the body of a CDA document so long that the file has DOCUMENT_BYTES, to the byte or two less."""
    head, middle, tail = file.read_bytes().partition(b"</text>")
    assert middle, "a nonXMLBody"
    head = head[: head.rindex(b">") + 1]
    noise = base64.b64encode(random.Random(PATIENT).randbytes(3 * MEGABYTE))
    left = (DOCUMENT_BYTES - len(head) - len(middle) - len(tail)) // 4 * 4
    with file.open("wb") as stream:
        stream.write(head)
        while left:
            left -= stream.write(noise[:left])
        stream.write(middle + tail)
    assert DOCUMENT_BYTES - 4 < file.stat().st_size <= DOCUMENT_BYTES


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass
class Peak:
    """What a measure gave, once its block is left."""

    bytes: int = 0


@contextmanager
def _watched(pid: int) -> Iterator[Peak]:
    """What the process tree of `pid` takes at most while the block runs, above what it took before."""
    processes = _tree(pid)
    for process in processes:
        Path(f"/proc/{process}/clear_refs").write_text("5", "ascii")  # the peak is now what is taken now; proc(5)
    idle = {process: _status(process, "VmRSS") for process in processes}
    peak = Peak()
    yield peak
    assert _tree(pid) == processes, "no process was replaced meanwhile"
    peak.bytes = sum(_status(process, "VmHWM") - idle[process] for process in processes)


def _tree(pid: int) -> list[int]:
    """A process and all that descend from it. Source: proc(5), /proc/PID/task/TID/children."""
    found = [pid]
    for process in found:
        for thread in sorted(Path(f"/proc/{process}/task").iterdir()):
            found += map(int, (thread / "children").read_text("ascii").split())
    return found


def _status(pid: int, name: str) -> int:
    """A field of /proc/PID/status that is an amount of memory, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise LookupError(f"/proc/{pid}/status: expected {name}, got none")
