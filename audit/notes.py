"""Signed notes: a text that people can print, under a line that anybody who has the public key can check.

The keys are Ed25519, written as text: the public one may be printed, the private one stays in a file.

Source: C2SP signed-note v1.0.0; RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

DASH = "\u2014 "  # before each signature
ED25519 = b"\x01"  # the type of a signature
ID_BYTES, KEY_BYTES, SIGNATURE_BYTES = 4, 32, 64
PRIVATE = "PRIVATE+KEY+"  # as golang.org/x/mod/sumdb/note writes it


class NoteError(ValueError):
    """A note or a key that cannot be used; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """What tells keys of one name apart."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def read(cls, text: str) -> Verifier:
        """Of a key as it is printed. Raises NoteError."""
        name, key_id, key = _parts(text.strip())
        found = cls(name, key)
        if found.id.hex() != key_id:
            raise NoteError("public key: expected its id to be that of its name and bytes, it is another")
        return found

    def open(self, note: str) -> str:
        """The text of a note that this key signed. Raises NoteError."""
        text, signatures = _split(note)
        for name, signature in signatures:
            if name == self.name and signature[:ID_BYTES] == self.id:
                try:
                    Ed25519PublicKey.from_public_bytes(self.public).verify(signature[ID_BYTES:], text.encode())
                except InvalidSignature:
                    raise NoteError(f"note: expected a signature of {self.name} over this text") from None
                return text
        raise NoteError(f"note: expected a signature of {self.name} ({self.id.hex()}), there is none")


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name: 32 bytes, the seed of RFC 8032."""

    name: str
    seed: bytes

    @classmethod
    def make(cls, name: str) -> Signer:
        """A new key. The name has neither spaces nor plus signs. Raises NoteError."""
        if not name or "+" in name or len(name.split()) != 1:
            raise NoteError(f"name of a key: expected neither spaces nor +, got {name}")
        return cls(name, secrets.token_bytes(KEY_BYTES))

    @classmethod
    def read(cls, text: str) -> Signer:
        """Of a key as `written`. Raises NoteError."""
        if not text.startswith(PRIVATE):
            raise NoteError(f"private key: expected it to begin with {PRIVATE}")
        name, key_id, seed = _parts(text.removeprefix(PRIVATE).strip())
        found = cls(name, seed)
        if found.verifier.id.hex() != key_id:
            raise NoteError("private key: expected its id to be that of its name and bytes, it is another")
        return found

    @property
    def written(self) -> str:
        """The key as one line. Whoever reads it can sign."""
        key = base64.b64encode(ED25519 + self.seed).decode()
        return f"{PRIVATE}{self.name}+{self.verifier.id.hex()}+{key}\n"

    @property
    def verifier(self) -> Verifier:
        """The public key."""
        return Verifier(self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The note of a text that ends with a newline."""
        signature = self.verifier.id + Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        return f"{text}\n{DASH}{self.name} {base64.b64encode(signature).decode()}\n"


def notes_in(text: str) -> Iterator[str]:
    """The notes of a file, with an empty line between them; what is no note is left out."""
    before = ""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith(DASH) and before:
            yield f"{before}\n\n{paragraph.removesuffix(chr(10))}\n"
        before = paragraph.removeprefix("\n")


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note, and the name and bytes of each signature. Raises NoteError."""
    text, blank, signatures = note.rpartition("\n\n")
    lines = signatures.removesuffix("\n").split("\n")
    if not blank or not signatures.endswith("\n") or not all(line.startswith(DASH) for line in lines):
        raise NoteError("note: expected a text, an empty line and signatures")
    return f"{text}\n", [_signature(line.removeprefix(DASH)) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    name, space, written = line.partition(" ")
    try:
        return name, base64.b64decode(written if space else "", validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("note: expected signatures in base64") from None


def _parts(text: str) -> tuple[str, str, bytes]:
    """Name, id and bytes of a key as text. Raises NoteError."""
    try:
        name, key_id, key = text.split("+", 2)
        decoded = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("key: expected NAME+ID+BASE64") from None
    if decoded[:1] != ED25519 or len(decoded) != 1 + KEY_BYTES:
        raise NoteError("key: expected 32 bytes of Ed25519 in base64")
    return name, key_id, decoded[1:]
