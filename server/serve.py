"""`dmp serve`: one process tree. A parent binds the addresses, starts one server for each, and watches over them.

HTTPS and loopback HTTP are served by gunicorn (threads), the unix socket of a proxy by granian. Whoever is started dies
with whoever started it. When one server dies the parent stops the others and ends with an error: a supervisor restarts
the tree as a whole.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger as GunicornLogger

from audit.transactions import APPLICATION_START, APPLICATION_STOP
from habilitations.decision import Tables
from server import logging as technical
from server.configuration import record_changes
from server.courier import courier_needed, deliver
from server.home_domain import claim
from server.home_key import KeyFileError, audit_key, home_key, token_key
from server.house import House, now, tables_of
from server.lifeline import die_with
from server.migrations import check_revision
from server.sealer import seal
from server.settings import Address, Exposure, Settings
from server.tls import Contexts, context
from server.tls_failures import Failures

WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
GRACE_SECONDS = 30
BIND_SECONDS = 5.0  # how long a port may still belong to a server that is just dying
WORKER_SECONDS = 120  # a worker whose main loop is silent for that long is replaced
BACKLOG = 512


class ServeError(RuntimeError):
    """A server that cannot start or did not stay up."""


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises SettingsError, RevisionError, ServeError, AuditError."""
    settings.check_serving()
    check_revision(settings)
    claim(settings)
    home_key(settings.home)
    try:
        audit_key(settings.home)
        if settings.oauth.server:
            token_key(settings.home)
    except KeyFileError as error:
        raise ServeError(str(error)) from None
    tables = tables_of(settings)  # once for every worker, one that replaces another too: what is dropped in later waits
    technical.configure(settings.log_level)
    _prepare_metrics(settings)
    import_module("server.app")  # once for every worker, and not before its counters have their folder
    listeners = _bind_all(settings)
    syslog = _bind_syslog(settings)
    hl7 = [] if settings.mllp is None else [_bind(settings.mllp)]
    _record(settings, tables, APPLICATION_START)
    _record_changes(settings, tables)
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    children: dict[int, str] = {}
    listening = [listener for _, listener in listeners]
    log = structlog.get_logger("dmp.serve")
    try:
        if hl7:
            children[_spawn(partial(_hl7_inlet, settings, [*listening, *syslog], hl7[0], tables))] = "HL7 v2 inlet"
            _close(hl7)
        if syslog:
            children[_spawn(partial(_audit_inlet, settings, listening, syslog, tables))] = "audit inlet"
            _close(syslog)
        for exposure, listener in listeners:
            children[_spawn(partial(_gunicorn, settings, exposure, listener, tables))] = exposure.value
        if settings.unix is not None:
            children[_spawn(partial(_granian, settings, settings.unix, tables))] = Exposure.PROXY.value
        if courier_needed(settings):
            children[_spawn(partial(_courier, settings, listening))] = "courier"
        if settings.oauth.issuers:
            children[_spawn(partial(_issuer_keys, settings, listening))] = "issuer keys"
        if settings.audit.repositories:
            children[_spawn(partial(_audit_outlets, settings, listening))] = "audit outlets"
        children[_spawn(partial(_sealer, settings, listening))] = "sealer"
        _close(listening)
        addresses = {exposure.value: str(_address(settings, exposure)) for exposure, _ in listeners}
        log.info("serving", pid=os.getpid(), unix=str(settings.unix or ""), **addresses)
        _watch(children)
    finally:
        _stop(children)
        _record(settings, tables, APPLICATION_STOP)
        log.info("stopped")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)


def failures_of(settings: Settings, tables: Tables) -> Failures:
    """Who records failed handshakes: with a house of their own, built where the first one fails."""

    @cache
    def house() -> House:
        return House.build(settings, tables=tables)

    return Failures(lambda event: house().append(event), now)


def _record(settings: Settings, tables: Tables, transaction: str) -> None:
    """Starts and stops stand in the audit log. Building the house here also finds what no server could start with."""
    house = House.build(settings, tables=tables)
    try:
        house.record(transaction, transaction, getpass.getuser())
    finally:
        house.database.dispose()


def _record_changes(settings: Settings, tables: Tables) -> None:
    house = House.build(settings, tables=tables)
    try:
        record_changes(house, getpass.getuser())
    finally:
        house.database.dispose()


def _address(settings: Settings, exposure: Exposure) -> Address | None:
    return settings.https if exposure is Exposure.TLS else settings.http


def _prepare_metrics(settings: Settings) -> None:
    """A new, empty folder in which the workers keep their counters: prometheus_client reads the variable on import."""
    folder = settings.home / "run" / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _bind_all(settings: Settings) -> list[tuple[Exposure, socket.socket]]:
    listeners = []
    for exposure in (Exposure.TLS, Exposure.LOOPBACK):
        address = _address(settings, exposure)
        if address is not None:
            listeners.append((exposure, _bind(address)))
    if settings.unix is not None:
        _clear(settings.unix)
    return listeners


def _bind_syslog(settings: Settings) -> list[socket.socket]:
    audit = settings.audit
    asked = ((audit.syslog_tls, socket.SOCK_STREAM), (audit.syslog_udp, socket.SOCK_DGRAM))
    return [_bind(address, kind) for address, kind in asked if address is not None]


def check_free(address: Address) -> None:
    """Raises ServeError when somebody else listens on that address."""
    _bind(address).close()


def _bind(address: Address, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    give_up = time.monotonic() + BIND_SECONDS
    while True:
        listener = socket.socket(family, kind)
        try:
            if kind is socket.SOCK_STREAM:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address.host, address.port))
            if kind is socket.SOCK_STREAM:
                listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if time.monotonic() > give_up:
                raise ServeError(f"{address}: expected a free address, got: {error.strerror}") from None
            time.sleep(0.1)
        else:
            return listener


def _clear(path: Path) -> None:
    """Removes the unix socket that a dead server left. Raises ServeError when somebody listens on it."""
    if not path.is_socket():
        if path.exists():
            raise ServeError(f"{path}: expected a socket or nothing, got another file")
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ServeError(f"{path}: another server listens on it")


def _spawn(run: Callable[[], None]) -> int:
    """Starts `run` in a child process that dies with this one, and gives its process id."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        die_with(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        run()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    finally:
        os._exit(code)


def _watch(children: dict[int, str]) -> None:
    """Returns when told to stop. Raises ServeError when a child ends by itself."""
    while signal.sigwait(WATCHED) is signal.SIGCHLD:
        for pid, code in _reap():
            raise ServeError(
                f"the {children.pop(pid, 'unknown')} server ended with code {code}: see its last log lines"
            )


def _reap() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, os.waitstatus_to_exitcode(status)))


def _stop(children: dict[int, str]) -> None:
    """Asks every child to finish what it is doing; kills those that have not after the grace period."""
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + GRACE_SECONDS
    while children:
        for pid, _ in _reap():
            children.pop(pid, None)
        remaining = give_up - time.monotonic()
        if children and (remaining <= 0 or signal.sigtimedwait({signal.SIGCHLD}, remaining) is None):
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            for pid in list(children):
                os.waitpid(pid, 0)
                del children[pid]


def _load(settings: Settings, exposure: Exposure, tables: Tables) -> Any:
    from server.app import create_app

    return create_app(settings, exposure, tables)


class _Logger(GunicornLogger):  # type: ignore[misc]
    """gunicorn's log among ours."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn with our options instead of its command line; the application is built in each worker."""

    def __init__(self, options: dict[str, Any], load: Callable[[], Any]) -> None:
        self._options, self.load = options, load
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)


def _gunicorn(settings: Settings, exposure: Exposure, listener: socket.socket, tables: Tables) -> None:
    def post_fork(arbiter: Any, _worker: Any) -> None:
        die_with(arbiter.pid)

    options: dict[str, Any] = {
        "bind": [f"fd://{os.dup(listener.fileno())}"],
        "backlog": BACKLOG,
        "worker_class": "gthread",
        "workers": settings.workers,
        "threads": settings.threads,
        "timeout": WORKER_SECONDS,
        "graceful_timeout": GRACE_SECONDS - 5,
        "keepalive": 15,
        "limit_request_line": 8190,
        "post_fork": post_fork,
        "control_socket_disable": True,
        "errorlog": None,
        "logger_class": _Logger,
        "loglevel": "warning",
    }
    if exposure is Exposure.TLS:
        options |= {
            "certfile": str(settings.server_certificate),
            "keyfile": str(settings.server_key),
            "ssl_context": Contexts(settings, partial(context, refused=failures_of(settings, tables).note)),
        }
    listener.close()
    _Gunicorn(options, partial(_load, settings, exposure, tables)).run()


def _courier(settings: Settings, others: list[socket.socket]) -> None:
    _close(others)
    deliver(settings)


def _sealer(settings: Settings, others: list[socket.socket]) -> None:
    _close(others)
    seal(settings)


def _issuer_keys(settings: Settings, others: list[socket.socket]) -> None:
    from server.issuer_keys import fetch_keys

    _close(others)
    fetch_keys(settings)


def _audit_outlets(settings: Settings, others: list[socket.socket]) -> None:
    from server.audit_outlet import send_out

    _close(others)
    send_out(settings)


def _audit_inlet(settings: Settings, others: list[socket.socket], own: list[socket.socket], tables: Tables) -> None:
    from server.audit_inlet import take_in

    _close(others)
    take_in(settings, tables, own)


def _hl7_inlet(settings: Settings, others: list[socket.socket], own: socket.socket, tables: Tables) -> None:
    from server.hl7_inlet import take_messages

    _close(others)
    take_messages(settings, tables, own)


def _close(listeners: list[socket.socket]) -> None:
    """Whoever listens somewhere else holds no address that is another's."""
    for listener in listeners:
        listener.close()


def _granian(settings: Settings, path: Path, tables: Tables) -> None:
    server = Granian(
        "dmp",
        uds=path,
        uds_permissions=0o660,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=technical.library_config("warning"),
    )
    server.serve(target_loader=partial(_load_behind_proxy, settings, tables, os.getpid()), wrap_loader=False)


def _load_behind_proxy(settings: Settings, tables: Tables, parent: int) -> Any:
    die_with(parent)
    technical.configure(settings.log_level)
    return _load(settings, Exposure.PROXY, tables)
