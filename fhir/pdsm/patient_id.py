"""The id of a Patient: the key of a dossier under a cipher of this house, so that no key leaves it and no id is kept.

A key is a random number of 128 bits, one block: the same key always gives the same id, and each id stands for one key.

Source: HL7 FHIR R4, resource.html 2.26.3.1 (logical id); NIST FIPS 197 (AES).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_ONE_BLOCK = modes.CBC(bytes(16))  # of one block, and no chain


@dataclass(frozen=True, slots=True)
class PatientIds:
    """Ids of dossier keys, and back; `secret` has 16 bytes."""

    secret: bytes

    def write(self, key: str) -> str:
        """The id of the Patient whose dossier has that key; '' for a key that is no number of 128 bits."""
        if not _KEY.fullmatch(key):
            return ""
        encryptor = self._cipher.encryptor()
        return str(uuid.UUID(bytes=encryptor.update(bytes.fromhex(key)) + encryptor.finalize()))

    def read(self, patient_id: str) -> str:
        """The key that an id stands for, whether or not there is such a dossier; '' for what is no id of ours."""
        if not _ID.fullmatch(patient_id):
            return ""
        decryptor = self._cipher.decryptor()
        return (decryptor.update(uuid.UUID(patient_id).bytes) + decryptor.finalize()).hex()

    def reference(self, key: str) -> str:
        """A reference to that Patient, '' where there is none."""
        found = self.write(key)
        return f"Patient/{found}" if found else ""

    @property
    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self.secret), _ONE_BLOCK)
