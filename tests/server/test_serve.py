"""The process tree: it lives and dies together, and a restart finds its ports free."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from servers import ROOT, alive, get, prepare, running, wait_until_dead

from audit.listing import AuditListings
from audit.selection import Selection
from server.serve import ServeError, check_free
from server.settings import Address
from tests.ports import free_port


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    prepare(folder)
    return folder


def test_killed_at_once_it_leaves_nobody_and_restarts_on_the_same_ports(home: Path) -> None:
    with running(home) as first:
        tree = first.tree
        assert len(tree) == 6  # parent, two gunicorn masters, a worker each, the sealer
        os.kill(first.process.pid, signal.SIGKILL)
        wait_until_dead(tree)
        https, http = first.https, first.http
    with running(home, https=https, http=http) as second:
        assert get(second.http, "/healthz")[0] == 200


def test_nobody_else_on_the_machine_reads_what_it_keeps(home: Path) -> None:
    with running(home) as server:
        server.process.send_signal(signal.SIGTERM)
        server.wait_until_ended()
    made = [*(home / "documents").rglob("*"), *(home / "run").rglob("*")]
    assert made
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_told_to_stop_it_stops_with_everybody_and_says_so(home: Path) -> None:
    with running(home) as server:
        tree = server.tree
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_until_ended() == 0
        assert not any(alive(pid) for pid in tree)


def test_when_a_part_dies_the_whole_ends_with_an_error(home: Path) -> None:
    with running(home) as server:
        tree = server.tree
        os.kill(tree[1], signal.SIGKILL)
        assert server.wait_until_ended() == 1
        assert not any(alive(pid) for pid in tree)
        assert "server ended with code -9" in server.log.read_text()


def test_start_and_stop_stand_in_the_audit_log(home: Path) -> None:
    from server.database import connect

    with running(home) as server:
        server.process.send_signal(signal.SIGTERM)
        server.wait_until_ended()
    with connect(f"sqlite:///{home}/dmp.db", threads=1).transaction() as connection:
        last = AuditListings(connection).newest(Selection(), limit=3)
    acts = [record.action for record in last]
    assert acts == ["application-stop", "configuration/reseau", "application-start"]  # on other ports than the last


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DMP_")}
    return subprocess.run(
        [sys.executable, "-m", "server.cli", "serve", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )


def test_an_address_that_is_taken_is_said(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServeError, match=f"127.0.0.1:{port}: expected a free address"):
            check_free(Address("127.0.0.1", port))


def test_a_half_configured_home_is_refused_with_everything_it_lacks(tmp_path: Path) -> None:
    refused = serve("--home", str(tmp_path), "--https", "127.0.0.1:1", "--http", "10.0.0.1:80")
    assert refused.returncode == 2
    for word in ("loopback", "ca (", "crl (", "server_certificate", "server_key"):
        assert word in refused.stderr


def test_a_database_of_another_revision_is_refused(home: Path, tmp_path: Path) -> None:
    for name in ("ca.pem", "crl.pem"):
        (tmp_path / name).write_bytes((home / name).read_bytes())
    refused = serve("--home", str(tmp_path), "--http", f"127.0.0.1:{free_port()}")
    assert refused.returncode == 1
    assert f"dmp migrate --home {tmp_path}" in refused.stderr


def test_an_unusable_matrix_is_refused(home: Path) -> None:
    (home / "wrong.toml").write_text('matrice = "no_such_matrix.csv"\n')
    refused = subprocess.run(
        [sys.executable, "-m", "server.cli", "serve", "--home", str(home), "--http", f"127.0.0.1:{free_port()}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "DMP_SETTINGS": str(home / "wrong.toml")},
        check=False,
    )
    assert refused.returncode == 2
    assert "no_such_matrix.csv" in refused.stderr
