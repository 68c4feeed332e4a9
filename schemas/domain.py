"""Affinity domains are files: what identifiers, codes, rights and assertions one deployment accepts.

Source: ITI TF-3 4.1.1 (XDS Affinity Domain policies); ITI TF-1 Appendix L.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "domains"


class DomainError(ValueError):
    """A domain file that cannot be used; says which key, what was expected and what came."""


class SameUniqueId(Enum):
    """What happens to a DocumentEntry whose uniqueId is already registered."""

    REFUSE = "refuse"
    ACCEPT_IDENTICAL = "accept-identical"


class SubmissionSignature(Enum):
    """Whether a submission must carry its XAdES signature document."""

    REQUIRED = "required"
    VERIFIED = "verified"
    IGNORED = "ignored"


class Replay(Enum):
    """Whether one assertion serves several requests."""

    SAME_ASSERTION = "same-assertion"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class AssertionProfile:
    """What a requester's assertion must look like. Times are in seconds."""

    profile: str
    versions: tuple[str, ...]
    validity_seconds: int
    skew_seconds: int
    replay: Replay


@dataclass(frozen=True, slots=True)
class Domain:
    """One affinity domain, as its file says."""

    name: str
    repository_unique_id: str
    patient_authorities: frozenset[str]
    strict_key_authorities: frozenset[str]
    codes: dict[str, tuple[str, ...]]  # XDS attribute -> names of code tables
    mime_types: frozenset[str]
    languages: frozenset[str]
    max_document_bytes: int
    same_unique_id: SameUniqueId
    cda_agreement: bool
    submission_signature: SubmissionSignature
    assertion: AssertionProfile
    matrice: str


def load(name_or_path: str) -> Domain:
    """The domain of that name among `schemas/domains`, or of that TOML file. Raises DomainError."""
    path = Path(name_or_path) if name_or_path.endswith(".toml") else _FOLDER / f"{name_or_path}.toml"
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError:
        known = ", ".join(sorted(file.stem for file in _FOLDER.glob("*.toml")))
        raise DomainError(f"domain: expected one of {known} or a .toml file, got {name_or_path}") from None
    except tomllib.TOMLDecodeError as error:
        raise DomainError(f"{path}: {error}") from None
    try:
        return _domain(data)
    except KeyError as error:
        raise DomainError(f"{path}: key {error} is missing") from None
    except (TypeError, ValueError) as error:
        raise DomainError(f"{path}: {error}") from None


def _domain(data: dict[str, Any]) -> Domain:
    patients, codes, documents, assertion = data["patients"], dict(data["codes"]), data["documents"], data["assertion"]
    return Domain(
        name=str(data["name"]),
        repository_unique_id=str(data["repository_unique_id"]),
        patient_authorities=frozenset(patients["authorities"]),
        strict_key_authorities=frozenset(patients["strict_key"]),
        mime_types=frozenset(codes.pop("mime_types")),
        languages=frozenset(codes.pop("languages")),
        codes={attribute: tuple(tables) for attribute, tables in codes.items()},
        max_document_bytes=int(documents["max_bytes"]),
        same_unique_id=SameUniqueId(documents["same_unique_id"]),
        cda_agreement=bool(documents["cda_agreement"]),
        submission_signature=SubmissionSignature(documents["submission_signature"]),
        assertion=AssertionProfile(
            profile=str(assertion["profile"]),
            versions=tuple(assertion["versions"]),
            validity_seconds=int(assertion["validity_seconds"]),
            skew_seconds=int(assertion["skew_seconds"]),
            replay=Replay(assertion["replay"]),
        ),
        matrice=str(data["habilitations"]["matrice"]),
    )
