"""Syslog as audit messages travel in it: one message written and read, and many of them in one stream.

What is read comes from strangers: it is taken as the grammar says or not at all, and costs no more than its length.

Source: RFC 5424 §6 (the message); RFC 5425 §4.3 (octet counting); RFC 6587 §3.4.2 (a newline at the end); ITI TF-2
3.20.4.1.2.1 (PRI, MSGID and MSG of an audit message).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.errors import UnexpectedError

PRIORITY = 85  # facility 10 (security/authorization), severity 5 (notice)
MSGID = b"IHE+RFC-3881"
NIL = b"-"
BOM = b"\xef\xbb\xbf"
MOST_DIGITS = 8  # of a length: more than any message that is taken

_NAME = rb"[\x21-\x7e]"  # PRINTUSASCII
_TIME = rb"(?:-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2}))"
_HEADER = re.compile(
    rb"<(?P<priority>0|[1-9][0-9]{0,2})>1 (?P<time>" + _TIME + rb") (?P<host>" + _NAME + rb"{1,255}) "
    rb"(?P<app>" + _NAME + rb"{1,48}) (?P<process>" + _NAME + rb"{1,128}) (?P<msgid>" + _NAME + rb"{1,32}) "
)
_SD_NAME = rb"[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}"  # without '=', ']', '"' and space
_SD_VALUE = rb'"(?:[^"\\\]]|\\.)*+"'  # a backslash that escapes nothing stands for itself
_SD_ELEMENT = rb"\[" + _SD_NAME + rb"(?: " + _SD_NAME + rb"=" + _SD_VALUE + rb")*+\]"
_STRUCTURED_DATA = re.compile(rb"-|(?:" + _SD_ELEMENT + rb")++", re.DOTALL)
_UNPRINTABLE = re.compile(rb"[^\x21-\x7e]+")
_HIGHEST_PRIORITY = 191
_HIGHEST_LENGTH = 10**MOST_DIGITS - 1


class SyslogError(UnexpectedError):
    """Bytes that are no syslog message, or no stream of them."""


@dataclass(frozen=True, slots=True)
class SyslogMessage:
    """A message. `message` is MSG without its BOM, `header` all before it, of which the rest is what it says.

    `instant` is None where the sender has no clock.
    """

    header: bytes
    priority: int
    instant: datetime | None
    host: str
    app: str
    process: str
    msgid: str
    structured_data: bytes
    message: bytes


def write_syslog(message: bytes, *, instant: datetime, host: str, app: str) -> bytes:
    """A syslog message that carries an audit message (UTF-8). The same arguments give the same bytes."""
    when = instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z").encode()
    header = b"<%d>1 %s %s %s %s %s %s " % (PRIORITY, when, _name(host, 255), _name(app, 48), NIL, MSGID, NIL)
    return header + BOM + message


def _name(text: str, longest: int) -> bytes:
    """A field of the header: visible ASCII, or nothing said."""
    return _UNPRINTABLE.sub(b"", text.encode("ascii", "ignore"))[:longest] or NIL


def read_syslog(data: bytes) -> SyslogMessage:
    """The message that `data` is, whole. Raises SyslogError."""
    header = _HEADER.match(data)
    if header is None:
        raise SyslogError("the header of a syslog message (RFC 5424)", "something else")
    priority = int(header["priority"])
    if priority > _HIGHEST_PRIORITY:
        raise SyslogError(f"a PRI of at most {_HIGHEST_PRIORITY}", str(priority))
    structured = _STRUCTURED_DATA.match(data, header.end())
    if structured is None:
        raise SyslogError("structured data or '-'", "something else")
    rest = data[structured.end() :]
    if rest and not rest.startswith(b" "):
        raise SyslogError("a space before MSG", "none")
    names = {name: header[name].decode("ascii") for name in ("host", "app", "process", "msgid")}
    return SyslogMessage(
        header=data[: structured.end()],
        priority=priority,
        instant=_instant(header["time"]),
        structured_data=structured[0],
        message=rest[1:].removeprefix(BOM),
        **names,
    )


def _instant(text: bytes) -> datetime | None:
    if text == NIL:
        return None
    try:
        return datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        raise SyslogError("a TIMESTAMP of the calendar", "another") from None


def write_frame(message: bytes) -> bytes:
    """A message as it stands in a stream: how long it is, then itself. Source: RFC 5425 §4.3."""
    return b"%d %s" % (len(message), message)


class Frames:
    """The messages in a stream, fed piece by piece. It keeps what does not make a whole message yet, and no more.

    A message of more than `most_bytes` is an error. With `newline` a message that begins with '<' instead of a number
    ends with a newline: RFC 6587 §3.4.2, which cannot carry a message that has one.
    """

    def __init__(self, *, most_bytes: int, newline: bool = False) -> None:
        self._most, self._newline = min(most_bytes, _HIGHEST_LENGTH), newline
        self._kept = bytearray()
        self._searched = 0  # no newline stands before it, after the start of a line

    @property
    def begun(self) -> bool:
        """Whether a message has begun that has not ended."""
        return bool(self._kept)

    def feed(self, data: bytes) -> tuple[list[bytes], SyslogError | None]:
        """The messages that `data` completes, and the error that ends the stream, if it does: feed nothing more then.

        What came before the error is as good as ever.
        """
        self._kept += data
        found: list[bytes] = []
        start = 0
        try:
            while (bounds := self._bounds(start)) is not None:
                begin, end = bounds
                if end > len(self._kept):
                    break
                found.append(bytes(self._kept[begin:end]))
                start = end + (self._kept[start] == ord("<"))
        except SyslogError as error:
            return found, error
        del self._kept[:start]
        self._searched = max(0, self._searched - start)
        return found, None

    def _bounds(self, start: int) -> tuple[int, int] | None:
        """Where the message at `start` begins and ends; None when that is not known yet. Raises SyslogError."""
        if start == len(self._kept):
            return None
        if self._newline and self._kept[start] == ord("<"):
            return self._line(start)
        space = self._kept.find(b" ", start, start + MOST_DIGITS + 1)
        digits = bytes(self._kept[start : start + MOST_DIGITS + 1] if space < 0 else self._kept[start:space])
        if not digits.isdigit() or digits.startswith(b"0") or (space < 0 and len(digits) > MOST_DIGITS):
            raise SyslogError("the length of a message and a space (RFC 5425 §4.3)", "something else")
        if space < 0:
            return None
        if int(digits) > self._most:
            raise SyslogError(f"a message of at most {self._most} bytes", digits.decode())
        return space + 1, space + 1 + int(digits)

    def _line(self, start: int) -> tuple[int, int] | None:
        end = self._kept.find(b"\n", max(start, self._searched), start + self._most + 1)
        self._searched = len(self._kept) if end < 0 else end
        if end < 0 and len(self._kept) - start > self._most:
            raise SyslogError(f"a message of at most {self._most} bytes", "one without end")
        return None if end < 0 else (start, end)
