"""The demo's server, in the background: started, waited for, found again by its process id, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from server.demo.seed import DemoError
from server.serve import check_free
from server.settings import Address, Settings

STATE = "server.json"
LOG = "server.log"
START_SECONDS = 60.0
STOP_SECONDS = 45.0


def start(folder: Path, settings: Settings) -> int:
    """Starts the server, waits until it is healthy and writes server.json; its process id.

    The last workers of a server that was killed answer for a moment more: the health that counts is the new one's.
    Raises DemoError, and ServeError when somebody else keeps an address.
    """
    log, https, http = folder / LOG, settings.https, settings.http
    if http is None:
        raise DemoError("Le serveur de démonstration a besoin d'une adresse http.")
    for address in (https, http, settings.mllp):
        if address is not None:
            check_free(address)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DMP_")}
    command = [sys.executable, "-m", "server.cli", "serve", "--home", str(settings.home)]
    with log.open("ab") as output:
        server = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
    state = {
        "https": f"https://{https}" if https else None,
        "http": f"http://{http}",
        "mllp": str(settings.mllp) if settings.mllp else None,
        "pid": server.pid,
        "domain": settings.domain.name,
        "repository_unique_id": settings.domain.repository_unique_id,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (folder / STATE).write_text(json.dumps(state, indent=2) + "\n", "utf-8")
    give_up = time.monotonic() + START_SECONDS
    while not healthy(http):
        if server.poll() is not None or time.monotonic() > give_up:
            stop(folder)
            raise DemoError(f"Le serveur n'a pas démarré. Son journal : {log}\n{_tail(log)}")
        time.sleep(0.2)
    return server.pid


def healthy(http: Address) -> bool:
    """Whether /healthz answers 200 on the loopback address."""
    connection = HTTPConnection(http.host, http.port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def stop(folder: Path) -> bool:
    """Stops the server of this demo, if one runs; whether one did."""
    pid = running(folder)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_SECONDS
    while _alive(pid):
        if time.monotonic() > give_up:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    return True


def running(folder: Path) -> int | None:
    """The process id of this demo's server; None when it does not run (its number may belong to another by now)."""
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text("utf-8"))
        pid = int(state["pid"])
    except (OSError, ValueError, KeyError):
        return None
    return pid if _alive(pid) and str((folder / "home").absolute()) in _command(pid) else None


def _alive(pid: int) -> bool:
    """Whether that process runs; a child of ours that has ended is laid to rest."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _command(pid: int) -> str:
    """The command line of a process, by /proc or else by ps."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return subprocess.getoutput(f"ps -o command= -p {pid:d}")  # noqa: S605 - a number


def _tail(log: Path, lines: int = 5) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
