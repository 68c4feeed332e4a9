"""Looking into a PDF without a PDF reader: whether something in it could act when it is opened.

A reader finds objects where the file says that they are, so no part of the file is passed over: names are looked for in
all of its bytes, and in what its object streams hold. What cannot be looked into counts as something that could act.

Source: ISO 32000-1 §7.3.5 (names), §7.5.7 (object streams), §12.6.4 (actions).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

MAX_INFLATED = 64 * 1024 * 1024  # of all object streams
MAX_DICTIONARY = 4000  # bytes before or behind the name
_CHUNK = 64 * 1024

_UNREADABLE = b"/Unreadable"
_ACTIVE = {
    b"/JavaScript": "un script",
    b"/Launch": "le lancement d'un programme",
    b"/SubmitForm": "l'envoi d'un formulaire",
    b"/ImportData": "l'import de données",
    b"/XFA": "un formulaire XFA",
    b"/RichMedia": "un contenu multimédia",
    b"/Rendition": "un contenu multimédia",
    b"/Movie": "un contenu multimédia",
    _UNREADABLE: "des objets qui ne peuvent être contrôlés",
}
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
# A dictionary of names, numbers and references alone: in a text or a comment, `stream` could stand without being one.
_PLAIN = re.compile(rb"(?:[\s\w/.\[\]-]|<<|>>)*")
_STREAM = re.compile(rb"(?:[\s\w/.\[\]-]|<<|>>(?!\s*stream))*>>\s*stream\r?\n")
_FLATE = re.compile(rb"/Filter\s*(?:/FlateDecode\b|\[\s*/FlateDecode\s*\])")
_NAME_END = rb"(?![A-Za-z0-9_])"


def is_pdf(data: bytes) -> bool:
    """Whether the bytes are a PDF. Source: ISO 32000-1 §7.5.2, with the tolerance of readers."""
    return b"%PDF-" in data[:1024]


def active_content(data: bytes) -> tuple[str, ...]:
    """What in a PDF could act, in French; empty where nothing could."""
    found = {said for text in (_unescaped(data), *_inflated(data)) for said in _named(text)}
    return tuple(sorted(found))


def _named(text: bytes) -> Iterator[str]:
    for name, said in _ACTIVE.items():
        if name in text and re.search(re.escape(name) + _NAME_END, text):
            yield said


def _unescaped(data: bytes) -> bytes:
    """Names as they are meant: #4A stands for J."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), data) if b"#" in data else data


def _inflated(data: bytes) -> Iterator[bytes]:
    """What each object stream holds; `_UNREADABLE` where one cannot be looked into."""
    inspected, room = 0, MAX_INFLATED
    for found in re.finditer(rb"/ObjStm\b", data):
        begun = data.rfind(b"obj", max(0, found.start() - MAX_DICTIONARY), found.start())
        ended = _STREAM.match(data, found.end(), found.end() + MAX_DICTIONARY)
        if begun < 0 or ended is None or not _PLAIN.fullmatch(data, begun + 3, found.start()):
            continue
        dictionary = data[begun : ended.end()]
        if b"/Predictor" in dictionary or (b"/Filter" in dictionary and not _FLATE.search(dictionary)):
            continue
        if b"/Filter" not in dictionary:
            inspected += 1
        elif (plain := _decompress(data, ended.end(), room)) is not None:
            inspected, room = inspected + 1, room - len(plain)
            yield _unescaped(plain)
    if _unescaped(data).count(b"/ObjStm") > inspected:
        yield _UNREADABLE


def _decompress(data: bytes, start: int, room: int) -> bytes | None:
    """What begins there, None when it is longer than `room` or no such thing."""
    machine, plain = zlib.decompressobj(), bytearray()
    try:
        while not machine.eof and start < len(data) and len(plain) < room:
            plain += machine.decompress(machine.unconsumed_tail + data[start : start + _CHUNK], room - len(plain))
            start += _CHUNK
    except zlib.error:
        return None
    return bytes(plain) if machine.eof else None
