"""Messages and frames damaged in the many ways in which they come damaged."""

from __future__ import annotations

import random


def mutated(chance: random.Random, whole: bytes) -> bytes:
    """One of the many ways in which a frame comes damaged."""
    data = bytearray(whole)
    position = chance.randrange(len(data))
    kind = chance.randrange(12)
    if kind == 0:
        del data[position : position + chance.randrange(1, 200)]
    elif kind == 1:
        data[position:position] = chance.randbytes(chance.randrange(1, 50))
    elif kind == 2:
        data[position] = chance.randrange(256)
    elif kind == 3:
        data[position:position] = b"|" * chance.randrange(1, 5000)
    elif kind == 4:
        data[position:position] = bytes([chance.choice(b"^~\\&\r\n\x0b\x1c\x00")]) * chance.randrange(1, 20)
    elif kind == 5:
        data = bytearray(whole.replace(b"\r", chance.choice((b"\n", b"\r\n", b"", b"\r\r"))))
    elif kind == 6:
        lines = whole.split(b"\r")
        chance.shuffle(lines)
        data = bytearray(b"\r".join(lines))
    elif kind == 7:
        lines = whole.split(b"\r")
        lines.insert(chance.randrange(len(lines)), chance.choice(lines))
        data = bytearray(b"\r".join(lines))
    elif kind == 8:
        data = bytearray(whole.replace(b"UNICODE UTF-8", chance.choice((b"8859/1", b"ASCII", b"\xff", b"UTF-16"))))
    elif kind == 9:
        data = bytearray(whole.decode().encode(chance.choice(("utf-16", "utf-7", "cp500", "utf-8-sig"))))
    elif kind == 10:
        data[position:position] = b"A" * chance.randrange(1, 200_000)
    else:
        data = bytearray(chance.randbytes(chance.randrange(0, 2000)))
    return bytes(data)


def framed(chance: random.Random, data: bytes) -> bytes:
    """A frame, most of the time a good one."""
    start = chance.choice((b"\x0b", b"\x0b", b"\x0b", b"", b"\x0b\x0b", b"x\x0b"))
    end = chance.choice((b"\x1c\r", b"\x1c\r", b"\x1c\r", b"\x1c", b"\x1c\n", b"\x1c\x1c\r"))
    return start + data + end
