"""Distinguished names as text: compared whichever way software prints them.

Source: RFC 4514, RFC 2253 (string representation); X.520 caseIgnoreMatch (comparison).
"""

from __future__ import annotations

import re

from cryptography import x509

MAX_LENGTH = 1024

DistinguishedName = tuple[tuple[tuple[str, str], ...], ...]
"""RDNs, each the (type OID, value) pairs in it; both sorted, values normalised: equal names compare equal."""

# Attribute types as RFC 4514 §3, OpenSSL, Java and .NET print them.
_TYPES = {
    "CN": "2.5.4.3",
    "COMMONNAME": "2.5.4.3",
    "SN": "2.5.4.4",
    "SURNAME": "2.5.4.4",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "S": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "T": "2.5.4.12",
    "TITLE": "2.5.4.12",
    "GN": "2.5.4.42",
    "G": "2.5.4.42",
    "GIVENNAME": "2.5.4.42",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
    "E": "1.2.840.113549.1.9.1",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
}
_PAIR = re.compile(
    r"""\s*(?P<type>[A-Za-z][A-Za-z0-9-]*|(?:OID\.)?[0-9]+(?:\.[0-9]+)+)\s*=\s*
    (?:\#(?P<der>(?:[0-9A-Fa-f]{2})+) | "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<plain>(?!\s*\#)(?:[^,;+"\\]|\\.)*))
    \s*(?P<separator>[,;+]|$)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)
_STRING_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}
_SEQUENCE, _SET = 0x30, 0x31


def read_distinguished_name(text: str) -> DistinguishedName:
    """The name that `text` prints. Raises ValueError when it is not a distinguished name."""
    if not 0 < len(text) <= MAX_LENGTH:
        raise ValueError(f"a distinguished name of 1 to {MAX_LENGTH} characters")
    rdns: list[list[tuple[str, str]]] = [[]]
    position, separator = 0, ","
    while separator:
        pair = _PAIR.match(text, position)
        if pair is None:
            raise ValueError("a distinguished name (RFC 4514)")
        rdns[-1].append((_type(pair["type"]), _normalised(_value(pair))))
        position, separator = pair.end(), pair["separator"]
        if separator in (",", ";"):
            rdns.append([])
    return _sorted(rdns)


def distinguished_name(name: x509.Name) -> DistinguishedName:
    """The same form, of a certificate's name."""
    return _sorted([[(each.oid.dotted_string, _normalised(_text(each.value))) for each in rdn] for rdn in name.rdns])


def read_der_strings(data: bytes, *, depth: int = 3) -> tuple[str, ...]:
    """The strings of a DER string, or of a SEQUENCE or SET of them, nested at most `depth` times. Raises ValueError.

    Source: X.690 8.1 (tag, length, value), 8.23 (restricted character strings).
    """
    strings: list[str] = []
    while data:
        tag, content, data = _split(data)
        if tag in (_SEQUENCE, _SET) and depth:
            strings.extend(read_der_strings(content, depth=depth - 1))
        elif tag in _STRING_ENCODINGS:
            strings.append(content.decode(_STRING_ENCODINGS[tag]))
        else:
            raise ValueError(f"a DER string, got tag {tag:#04x}")
    return tuple(strings)


def _split(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows."""
    if len(data) < 2:
        raise ValueError("a DER value, got a truncated one")
    length, start = data[1], 2
    if length & 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("a DER value, got a truncated one")
    return data[0], data[start : start + length], data[start + length :]


def _type(text: str) -> str:
    name = text.upper().removeprefix("OID.")
    if name[0].isdigit():
        return name
    if name not in _TYPES:
        raise ValueError("an attribute type of RFC 4514 or an OID")
    return _TYPES[name]


def _value(pair: re.Match[str]) -> str:
    if pair["der"] is not None:
        return "".join(read_der_strings(bytes.fromhex(pair["der"])))
    escaped = (pair["quoted"] if pair["quoted"] is not None else pair["plain"]).encode()
    return _ESCAPE.sub(
        lambda match: bytes.fromhex(match[1].decode()) if len(match[1]) == 2 else match[1], escaped
    ).decode()


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()


def _normalised(value: str) -> str:
    return " ".join(value.split()).casefold()


def _sorted(rdns: list[list[tuple[str, str]]]) -> DistinguishedName:
    return tuple(sorted(tuple(sorted(rdn)) for rdn in rdns))
