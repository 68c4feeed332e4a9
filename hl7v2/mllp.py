"""MLLP, the Minimal Lower Layer Protocol: frames out of a stream of bytes, and one written.

    <SB> message <EB> <CR>        SB 0x0B, EB 0x1C, CR 0x0D

No message holds SB or EB, so that EB alone ends a frame: whether the CR comes at once, later or never, nothing waits
for it. Between frames there is white space at most. A frame that begins inside another, other bytes between frames and
a message that is too long are faults of the sender's: what comes after them cannot be trusted.

Source: HL7, Transport Specification: MLLP, Release 1; HL7 v2.5 Implementation Guide, Appendix C.
"""

from __future__ import annotations

SB, EB, CR = b"\x0b", b"\x1c", b"\r"
_BETWEEN = b" \t\r\n"


class FramingError(Exception):
    """Bytes that are no MLLP. `got` quotes none of them."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got = expected, got

    def diagnostics(self) -> str:
        """One sentence for the log."""
        return str(self)


class Frames:
    """Bytes in, messages out. A message of more than `most_bytes` is a fault."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held, self._begun, self._looked = most_bytes, bytearray(), False, 0

    @property
    def begun(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._begun

    @property
    def held(self) -> int:
        """How many bytes of it there are."""
        return len(self._held)

    def feed(self, data: bytes) -> tuple[list[bytes], FramingError | None]:
        """The messages that `data` completes, and the fault after them, if any: nothing may be fed after one."""
        self._held += data
        found: list[bytes] = []
        while self._begin():
            end = self._held.find(EB, self._looked)
            error = self._fault(end)
            if error is not None:
                return found, error
            if end < 0:
                self._looked = len(self._held)
                return found, None
            found.append(bytes(memoryview(self._held)[:end]))
            del self._held[: end + 1]
            self._begun, self._looked = False, 0
        return found, FramingError("a frame, which begins with 0x0B", "other bytes") if self._held else None

    def _begin(self) -> bool:
        """Whether a frame is open, or begins with what is held."""
        if not self._begun:
            white = len(self._held) - len(self._held.lstrip(_BETWEEN))
            del self._held[:white]
            if self._held[:1] == SB:
                del self._held[:1]
                self._begun = True
        return self._begun

    def _fault(self, end: int) -> FramingError | None:
        length = len(self._held) if end < 0 else end
        if self._held.find(SB, self._looked, length) >= 0:
            return FramingError("the end of a frame", "the beginning of another")
        if length > self._most:
            return FramingError(f"a message of at most {self._most} bytes", "a longer one")
        return None


def write_frame(message: bytes) -> bytes:
    """`message` as a frame. Raises FramingError for one that no frame can hold."""
    if SB in message or EB in message:
        raise FramingError("a message without 0x0B and 0x1C", "one with")
    return SB + message + EB + CR
