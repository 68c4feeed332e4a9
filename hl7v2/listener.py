"""MLLP over TLS: connections, the messages on each of them in order, and an answer to each.

A connection carries any number of messages, one after another or all at once: they are answered in the order in which
they came, and nothing more is read while one is worked on. Whoever is slow holds no more than one connection: a message
must come to its end in time, answers must be read in time, and of long messages few at once are held in memory.

Whoever has not proved who they are yet takes no place of a sender's: handshakes have places of their own.

A stop ends connections between two messages. What was begun is still done and answered; what was not is the sender's to
send again.

Source: HL7, Transport Specification: MLLP, Release 1; ITI TF-2 3.19 (mutual authentication).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from hl7v2.mllp import Frames

T = TypeVar("T")
R = TypeVar("R")
READ_BYTES = 64 * 1024
PAUSE_SECONDS = 0.5  # after a connection that could not be taken

_log = structlog.get_logger("dmp.hl7")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer may take. Times in seconds: `message` from the first byte of a message to its last."""

    message_bytes: int = 64 * 1024 * 1024
    connections: int = 64
    handshakes: int = 256  # at once, beside the connections
    handshake: float = 5.0
    message: float = 60.0
    idle: float = 3600.0
    answer: float = 30.0
    long_bytes: int = 1024 * 1024  # a longer message is a long one
    long_messages: int = 4  # held at once


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection: its TLS certificate (DER), and where it is."""

    certificate: bytes
    address: str


Answer = Callable[[bytes], bytes]
Open = Callable[[Peer], Answer | None]
"""What answers the messages of one connection; None for a peer that is not let in."""


class Listener:
    """Attends to connections until `stop` is set. `open` and what it gives are called in threads of `pool`.

    `refused` is told of handshakes that fail, with the address of the other end.
    """

    def __init__(
        self,
        open_: Open,
        context: Callable[[], ssl.SSLContext],
        refused: Callable[[ssl.SSLError, str], None],
        pool: Executor,
        limits: Limits,
    ) -> None:
        self._open, self._context, self._refused, self._pool, self._limits = open_, context, refused, pool, limits
        self._long = asyncio.Semaphore(limits.long_messages)
        self._free = asyncio.Semaphore(limits.connections)
        self._coming = asyncio.Semaphore(limits.handshakes)
        self.stop = asyncio.Event()

    async def listen(self, listener: socket.socket) -> None:
        """Takes connections: as many at once as the limit says, the others wait. Returns when all have ended."""
        listener.setblocking(False)
        loop, attended = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        while await self._unless_stopped(self._coming.acquire()):
            try:
                accepted = await self._unless_stopped(loop.sock_accept(listener))
            except OSError:  # too many open files, or the other end has left
                self._coming.release()
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if accepted is None:
                break
            task = loop.create_task(self._attend(accepted[0], str(accepted[1][0])))
            attended.add(task)
            task.add_done_callback(attended.discard)
        listener.close()
        if attended:
            await asyncio.wait(attended)

    async def _unless_stopped(self, wanted: Awaitable[T]) -> T | None:
        """What `wanted` gives; None when the stop comes first."""
        task, stop = asyncio.ensure_future(wanted), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await task

    async def _attend(self, plain: socket.socket, address: str) -> None:
        writer: asyncio.StreamWriter | None = None
        coming = ExitStack()
        coming.callback(self._coming.release)
        try:
            reader, writer = await self._secured(plain)
            connection = writer.get_extra_info("ssl_object")
            peer = Peer(connection.getpeercert(binary_form=True) or b"", address)
            answer = await self._call(self._open, peer)
            if answer is not None and await self._unless_stopped(self._free.acquire()):
                coming.close()
                try:
                    await self._converse(reader, writer, answer)
                finally:
                    self._free.release()
        except ssl.SSLError as wrong:
            await self._call(partial(self._refused, wrong), address)
        except (TimeoutError, OSError, EOFError):  # it has left, or was too slow
            pass
        except Exception as error:  # noqa: BLE001 - nothing may be answered: the log says why
            _log.error("connection ended", error=type(error).__name__)
        finally:
            coming.close()
            if writer is not None:
                writer.close()
                with suppress(OSError, asyncio.TimeoutError):
                    await asyncio.wait_for(writer.wait_closed(), self._limits.handshake)
            plain.close()

    async def _secured(self, plain: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, plain, ssl=self._context(), ssl_handshake_timeout=self._limits.handshake
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        limits = self._limits
        frames = Frames(limits.message_bytes)
        held, give_up = False, time.monotonic() + limits.idle
        try:
            while frames.begun or not self.stop.is_set():
                begun = frames.begun
                data = await self._unless_stopped(asyncio.wait_for(reader.read(READ_BYTES), _left(give_up)))
                if not data:
                    return
                whole, error = frames.feed(data)
                for message in whole:
                    if self.stop.is_set():
                        return
                    writer.write(await self._call(answer, message))
                    await asyncio.wait_for(writer.drain(), limits.answer)
                if error is not None:
                    _log.warning("cut off", expected=error.expected)
                    return
                if held and whole:
                    self._long.release()
                    held = False
                if frames.held > limits.long_bytes and not held:
                    await asyncio.wait_for(self._long.acquire(), limits.message)
                    held = True
                if whole or not begun:
                    give_up = time.monotonic() + (limits.message if frames.begun else limits.idle)
        finally:
            if held:
                self._long.release()

    async def _call(self, function: Callable[[T], R], argument: T) -> R:
        """What `function` gives, in a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, argument)


def _left(give_up: float) -> float:
    return max(0.001, give_up - time.monotonic())
