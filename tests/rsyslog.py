"""A real rsyslog at the other end: Debian's, with its GnuTLS driver, on a free port and with files of its own."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
DRIVER = next(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so"), None)
NOTED_AS_MISSING = ROOT / ".venv" / "peers-missing"  # what tools/peers.sh could not install
SECONDS = 60.0

# Direct: a message is in the file before the next one is read, so that a kill loses nothing that was read.
CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="1m" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{clients}" defaultNetstreamDriverCertFile="{pki}/server.pem"
  defaultNetstreamDriverKeyFile="{pki}/server.key")
main_queue(queue.type="Direct")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="raw" type="string" string="%rawmsg%\\n")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="keep")
ruleset(name="keep") {{ action(type="omfile" file="{folder}/messages" template="raw") }}
action(type="omfile" file="{folder}/own.log")
"""
_EVENT = re.compile(rb'type="event" value="([A-Za-z0-9+/=]+)"')


@dataclass
class Rsyslog:
    """A daemon that is started, stopped and killed; what it wrote stays. `pki` has its own certificate."""

    folder: Path
    pki: Path
    clients: Path  # anchors of those who may send
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Returns when it listens."""
        assert PROGRAM is not None
        self.port = self.port or _free_port()
        written = CONFIGURATION.format(folder=self.folder, clients=self.clients, pki=self.pki, port=self.port)
        (self.folder / "rsyslog.conf").write_text(written)
        files = ["-f", str(self.folder / "rsyslog.conf"), "-i", str(self.folder / "pid")]
        self.process = subprocess.Popen([PROGRAM, "-n", *files], stderr=(self.folder / "stderr").open("ab"))
        give_up = time.monotonic() + SECONDS
        while True:
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            assert time.monotonic() < give_up
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return

    def freeze(self) -> None:
        """Leaves it alive and idle: what is sent to it lies unread in the kernel."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def end(self, number: signal.Signals) -> None:
        """Returns when it is dead."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(SECONDS)
            self.process = None

    @property
    def messages(self) -> list[bytes]:
        """What it wrote, a message a line."""
        file = self.folder / "messages"
        return file.read_bytes().splitlines() if file.exists() else []

    @property
    def events(self) -> list[str]:
        """The ids of the events that it wrote, in order."""
        return [event_id(message) for message in self.messages]


def event_id(message: bytes) -> str:
    """The id of the event that an audit message of ours is of."""
    found = _EVENT.search(message)
    assert found is not None, message
    return base64.b64decode(found[1]).decode()


@pytest.fixture(scope="session")
def rsyslogd() -> str:
    """The program; a test that asks for it is left out, and counted as such, where there is none."""
    if PROGRAM is not None and DRIVER is not None:
        return PROGRAM
    noted = NOTED_AS_MISSING.exists() and "rsyslog" in NOTED_AS_MISSING.read_text("utf-8")
    if os.environ.get("DMP_REQUIRE_REFERENCE") and os.geteuid() == 0 and not noted:
        pytest.fail("rsyslog with TLS not found: tools/peers.sh installs it")
    pytest.skip("rsyslog with TLS not found: apt-get install rsyslog rsyslog-gnutls")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
