r"""ER7, the vertical-bar encoding: a message as segments, fields, repetitions, components and subcomponents.

A scanner over bytes. Only what is asked for is decoded, and what is large (a document in OBX-5) is never copied into a
text: it stays a view on the bytes that came.

Delimiters are those that MSH announces: five different ASCII characters, none of them a letter, a digit or a control
character. Character sets are those of HL7 table 0211 in which ASCII stands for itself. Segments end with CR; a message
without any is read by its LF.

Source: HL7 v2.5 2.5.4 (delimiters), 2.6 (encoding rules), 2.7 (escape sequences), 2.15.9.18 (MSH-18).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hl7v2.errors import Condition, Hl7Error, Location

LARGE = 64 * 1024  # a field of more bytes is a document, and stays a view
MOST_SEGMENTS = 20_000
MOST_FIELDS = 1_000  # of one segment
MOST_REPETITIONS = 1_000  # of one field
NULL = '""'  # a value that is to be deleted: HL7 v2.5 2.5.3
DEFAULT = "ASCII"
# HL7 table 0211, as Python calls them. 8859/15 and UNICODE UTF-8 are those of the CI-SIS.
CHARSETS = {
    "": "ascii",
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
    "UNICODE UTF-8": "utf-8",
    "UNICODE": "utf-8",
}

_CHARACTER_SET = Location("MSH", 1, 18)
_ENCODING_CHARACTERS = Location("MSH", 1, 2)
_NAME = re.compile(rb"[A-Z][A-Z0-9]{2}\Z")

Raw = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Syntax:
    """Delimiters, each one character, and the Python name of the character set."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    codec: str = "utf-8"

    @property
    def encoding_characters(self) -> str:
        """MSH-2."""
        return f"{self.component}{self.repetition}{self.escape}{self.subcomponent}"

    def escaped(self, text: str) -> str:
        """`text` as it stands in a message: delimiters and control characters as escape sequences."""
        names = {self.field: "F", self.component: "S", self.subcomponent: "T", self.repetition: "R", self.escape: "E"}
        return "".join(
            f"{self.escape}{names[each]}{self.escape}"
            if each in names
            else f"{self.escape}X{ord(each):02X}{self.escape}"
            if each < " " or each == "\x7f"
            else each
            for each in text
        )

    def unescaped(self, text: str) -> str:
        """`text` without escape sequences. Those of highlighting go, an unknown one stays as it is."""
        if self.escape not in text:
            return text
        pattern = f"{re.escape(self.escape)}([^{re.escape(self.escape)}]*){re.escape(self.escape)}"
        return re.sub(pattern, self._meaning, text)

    def _meaning(self, found: re.Match[str]) -> str:
        name = found[1]
        values = {
            "F": self.field,
            "S": self.component,
            "T": self.subcomponent,
            "R": self.repetition,
            "E": self.escape,
            ".br": "\n",
            "H": "",
            "N": "",
        }
        if name in values:
            return values[name]
        if re.fullmatch("X(?:[0-9A-Fa-f]{2})+", name):
            return bytes.fromhex(name[1:]).decode(self.codec, "replace")
        return found[0]


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. `fields[n]` is field n, as it came; fields[0] is the name. `sequence` counts those of its name."""

    name: str
    sequence: int
    fields: tuple[Raw, ...]
    syntax: Syntax

    def raw(self, field: int) -> Raw:
        """Field `field` as it came, b"" for one that is not there."""
        return self.fields[field] if field < len(self.fields) else b""

    def present(self, field: int) -> bool:
        """Whether the field says something."""
        value = self.raw(field)
        return len(value) > 0 and (isinstance(value, memoryview) or not value.isspace())

    def repetitions(self, field: int) -> tuple[str, ...]:
        """The repetitions of a field, escape sequences and all; none for an empty one. Raises Hl7Error when large."""
        value = self.raw(field)
        if isinstance(value, memoryview):
            raise Hl7Error.single(Condition.DATA_TYPE, f"at most {LARGE} bytes", "more", self.at(field))
        found = tuple(value.decode(self.syntax.codec).split(self.syntax.repetition)) if value else ()
        if len(found) > MOST_REPETITIONS:
            expected = f"at most {MOST_REPETITIONS} repetitions"
            raise Hl7Error.single(Condition.CARDINALITY, expected, str(len(found)), self.at(field))
        return found

    def text(self, field: int, component: int = 1, subcomponent: int = 1, *, repetition: int = 1) -> str:
        """One value, without escape sequences and white space around it; '' when it is absent or null."""
        found = self.repetitions(field)
        if repetition > len(found):
            return ""
        return self.part(found[repetition - 1], component, subcomponent)

    def part(self, repetition: str, component: int = 1, subcomponent: int = 1) -> str:
        """One value of a repetition, as `text` gives it."""
        components = repetition.split(self.syntax.component)
        parts = components[component - 1].split(self.syntax.subcomponent) if component <= len(components) else []
        value = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        return "" if value == NULL else self.syntax.unescaped(value).strip()

    def components(self, field: int) -> tuple[Raw, ...]:
        """The components of the first repetition as they came: the last one may be large."""
        value = self.raw(field)
        if isinstance(value, bytes):
            return tuple(value.split(self.syntax.repetition.encode())[0].split(self.syntax.component.encode()))
        return tuple(_large_parts(value, self.syntax.component.encode()))

    def at(self, field: int = 0, component: int = 0, *, repetition: int = 0) -> Location:
        """Where that is, for whoever is told of it."""
        return Location(self.name, self.sequence, field, repetition, component)


@dataclass(frozen=True, slots=True)
class Message:
    """A message in order: its first segment is MSH, and every text in it is of its character set."""

    segments: tuple[Segment, ...]
    syntax: Syntax
    size: int

    @property
    def msh(self) -> Segment:
        return self.segments[0]

    def all(self, name: str) -> tuple[Segment, ...]:
        """The segments of that name, in order."""
        return tuple(each for each in self.segments if each.name == name)

    def first(self, name: str) -> Segment | None:
        """The first of that name."""
        return next((each for each in self.segments if each.name == name), None)


def read_er7(data: bytes) -> Message:
    """The message in `data`. Raises Hl7Error: no MSH, other delimiters or character sets, other bytes."""
    syntax = read_syntax(data)
    segments: list[Segment] = []
    counts: dict[str, int] = {}
    terminator = b"\r" if b"\r" in data else b"\n"
    start = 0
    while start < len(data):
        end = data.find(terminator, start)
        end = len(data) if end < 0 else end
        while start < end and data[start] in b"\n ":
            start += 1
        if start < end:
            if len(segments) == MOST_SEGMENTS:
                raise Hl7Error.single(Condition.SEGMENT_SEQUENCE, f"at most {MOST_SEGMENTS} segments", "more")
            segment = _segment(data, start, end, syntax, counts)
            segments.append(segment)
        start = end + 1
    return Message(tuple(segments), syntax, len(data))


def read_syntax(data: bytes) -> Syntax:
    """The delimiters and the character set that MSH announces. Raises Hl7Error."""
    if not data.startswith(b"MSH") or len(data) < len("MSH|^~\\&|"):
        raise Hl7Error.single(Condition.SEGMENT_SEQUENCE, "MSH as the first segment", "something else")
    field = data[3:4]
    end = min((found for each in b"\r\n" if (found := data.find(each, 0, LARGE)) >= 0), default=min(len(data), LARGE))
    fields = data[:end].split(field)
    announced = fields[1] if len(fields) > 1 else b""
    # A fifth character, for truncated values, is of v2.7 on.
    delimiters = field + announced[:4]
    if len(announced) not in (4, 5) or len(set(delimiters)) != len(delimiters) or any(map(_unusable, delimiters)):
        raise Hl7Error.single(Condition.DATA_TYPE, "four different ASCII characters", "others", _ENCODING_CHARACTERS)
    component, repetition, escape, subcomponent = map(chr, announced[:4])
    named = fields[17].split(announced[1:2])[0].strip() if len(fields) > 17 else b""
    codec = CHARSETS.get(named.decode("ascii", "replace").upper())
    if codec is None:
        expected = ", ".join(name for name in CHARSETS if name)
        raise Hl7Error.single(Condition.TABLE_VALUE, f"a character set among {expected}", "another", _CHARACTER_SET)
    return Syntax(field.decode("ascii"), component, repetition, escape, subcomponent, codec)


def write_er7(segments: Iterable[Iterable[str]], syntax: Syntax) -> bytes:
    """A message of segments, each a name and its fields, in which delimiters were escaped; MSH has no MSH-1.

    What the character set has not becomes a question mark.
    """
    lines = (syntax.field.join(fields).rstrip(syntax.field) + "\r" for fields in segments)
    return "".join(lines).encode(syntax.codec, "replace")


def _unusable(character: int) -> bool:
    """Whether a byte is no delimiter: a letter, a digit, white space, a control character, or no ASCII."""
    return not 0x21 <= character <= 0x7E or chr(character).isalnum()


def _segment(data: bytes, start: int, end: int, syntax: Syntax, counts: dict[str, int]) -> Segment:
    name = data[start : start + 3]
    separator = syntax.field.encode()
    if not _NAME.match(name) or data[start + 3 : min(start + 4, end)] not in (separator, b""):
        where = Location("MSH", 1)
        raise Hl7Error.single(Condition.SEGMENT_SEQUENCE, "segments that begin with a name", "something else", where)
    counts[name.decode()] = sequence = counts.get(name.decode(), 0) + 1
    location = Location(name.decode(), sequence)
    fields: list[Raw]
    if end - start <= LARGE:
        fields = list(data[start:end].split(separator))
    else:
        fields = list(_large_parts(memoryview(data)[start:end], separator))
    if len(fields) > MOST_FIELDS:
        raise Hl7Error.single(Condition.DATA_TYPE, f"at most {MOST_FIELDS} fields", "more", location)
    if name == b"MSH":
        fields.insert(1, separator)
    for number, value in enumerate(fields):
        if isinstance(value, bytes) and not value.isascii() and not _decodes(value, syntax.codec):
            where = Location(name.decode(), sequence, number)
            raise Hl7Error.single(
                Condition.DATA_TYPE, f"text in the character set of MSH-18 ({syntax.codec})", "other bytes", where
            )
    return Segment(name.decode(), sequence, tuple(fields), syntax)


def _large_parts(view: memoryview, separator: bytes) -> Iterable[Raw]:
    """The parts of a large value between separators: small ones copied, large ones as views."""
    whole, start, found = bytes(view), 0, 0
    while found >= 0:
        found = whole.find(separator, start)
        end = len(whole) if found < 0 else found
        yield view[start:end] if end - start > LARGE else whole[start:end]
        start = end + 1


def _decodes(value: bytes, codec: str) -> bool:
    try:
        value.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
