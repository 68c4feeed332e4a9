"""Affinity domains are files: what identifiers, codes, rights and assertions one deployment accepts.

Source: ITI TF-3 4.1.1 (XDS Affinity Domain policies); ITI TF-1 Appendix L.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from schemas.domain_shape import check

_FOLDER = Path(__file__).parent / "domains"


class DomainError(ValueError):
    """A domain file that cannot be used; says which key, what was expected and what came."""


class SameUniqueId(Enum):
    """What happens to a DocumentEntry whose uniqueId is already registered."""

    REFUSE = "refuse"
    ACCEPT_IDENTICAL = "accept-identical"


class UnknownPatient(Enum):
    """What happens to a submission for a patient whom nobody told us of."""

    REFUSE = "refuse"
    OPEN = "open"  # a dossier is opened, unless an identity source tells us the patients of that authority


class UniqueIdForm(Enum):
    """What a DocumentEntry.uniqueId looks like."""

    OID = "oid"
    IDENTIFIER = "identifier"  # ITI TF-3 4.2.3.2.26: an opaque string to all but its creator


class SubmissionSignature(Enum):
    """Whether a submission must carry its XAdES signature document."""

    REQUIRED = "required"
    VERIFIED = "verified"
    IGNORED = "ignored"


class Profiles(Enum):
    """What happens to a resource of FHIR that departs from the profile of MHD or PDSm that it claims."""

    LENIENT = "lenient"  # it is taken, and told so
    STRICT = "strict"  # it is refused


class Replay(Enum):
    """Whether one assertion serves several requests."""

    SAME_ASSERTION = "same-assertion"
    ONCE = "once"


class Profile(Enum):
    """How requesters prove who they are."""

    VIHF = "vihf"  # CI-SIS, volet Transport synchrone: an assertion in every request
    XUA = "xua"  # ITI TF-2 3.40: an assertion names a user; a node without one is known by its TLS certificate


@dataclass(frozen=True, slots=True)
class AssertionProfile:
    """What a requester's assertion must look like. Times are in seconds."""

    profile: Profile
    versions: tuple[str, ...]
    validity_seconds: int
    skew_seconds: int
    replay: Replay
    # Of XUA only:
    audiences: frozenset[str] = frozenset()  # those that an assertion may be restricted to; none: any
    required: bool = False  # whether every request needs an assertion; if not, a node may ask for itself
    signers: frozenset[str] = frozenset()  # SHA-256 (hex) of the certificates that may sign; none: any of the anchors
    authn_contexts: frozenset[str] = frozenset()  # AuthnContextClassRef values beside those of SAML 2.0


@dataclass(frozen=True, slots=True)
class MetadataRules:
    """What a domain asks of submitted metadata beside the standard, and what it lets pass.

    `required` names attributes that ITI TF-3 Table 4.3.1-3 leaves optional, as `DocumentEntry.title`. `limited` accepts
    objects flagged limitedMetadata in ITI-41. `extra_components` accepts components of HL7 types that IHE leaves empty,
    `leading_zeros` arcs of an OID that begin with 0. `references_across` lets a submission set refer to the document of
    another patient. No `max_confidentiality_codes` (0) means any number.
    """

    required: frozenset[str]
    limited: bool
    unique_id: UniqueIdForm
    extra_components: bool
    leading_zeros: bool
    references_across: bool
    max_confidentiality_codes: int


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """How much one answer to a stored query holds; more is XDSTooManyResults. Source: ITI TF-3 Table 4.2.4.1-2."""

    most_objects: int  # of returnType LeafClass
    most_references: int  # of returnType ObjectRef


@dataclass(frozen=True, slots=True)
class Domain:
    """One affinity domain, as its file says.

    No `patient_authorities`, `mime_types` or `languages` means any. `open_schemes` lets codes pass whose scheme is none
    of those in the tables of their attribute: another domain's code is no error, an unknown code of ours is.
    `namespaces` are the names by which HL7 v2 may call issuing authorities, each with its OID.
    `reports_of_results` has this server write the report of results that come by HL7 v2 without one.
    """

    name: str
    repository_unique_id: str
    patient_authorities: frozenset[str]
    strict_key_authorities: frozenset[str]
    unknown_patient: UnknownPatient
    codes: dict[str, tuple[str, ...]]  # XDS attribute -> names of code tables
    mime_types: frozenset[str]
    languages: frozenset[str]
    open_schemes: bool
    max_document_bytes: int
    same_unique_id: SameUniqueId
    cda_agreement: bool
    metadata: MetadataRules
    profiles: Profiles
    queries: QueryLimits
    submission_signature: SubmissionSignature
    assertion: AssertionProfile
    matrice: str
    namespaces: dict[str, str]
    reports_of_results: bool = False


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
        check(data)
        return _domain(data)
    except ValueError as error:
        raise DomainError(f"{path}: {error}") from None


def _domain(data: dict[str, Any]) -> Domain:
    patients, codes, documents, assertion = data["patients"], dict(data["codes"]), data["documents"], data["assertion"]
    return Domain(
        name=data["name"],
        repository_unique_id=data["repository_unique_id"],
        patient_authorities=frozenset(patients["authorities"]),
        strict_key_authorities=frozenset(patients["strict_key"]),
        unknown_patient=UnknownPatient(patients["unknown"]),
        mime_types=frozenset(codes.pop("mime_types")),
        languages=frozenset(codes.pop("languages")),
        open_schemes=codes.pop("open_schemes"),
        codes={attribute: tuple(tables) for attribute, tables in codes.items()},
        max_document_bytes=documents["max_bytes"],
        same_unique_id=SameUniqueId(documents["same_unique_id"]),
        cda_agreement=documents["cda_agreement"],
        metadata=_metadata(data["metadata"]),
        profiles=Profiles(data["fhir"]["profiles"]),
        queries=_queries(data["queries"]),
        submission_signature=SubmissionSignature(documents["submission_signature"]),
        assertion=AssertionProfile(
            profile=Profile(assertion["profile"]),
            versions=tuple(assertion["versions"]),
            validity_seconds=assertion["validity_seconds"],
            skew_seconds=assertion["skew_seconds"],
            replay=Replay(assertion["replay"]),
            audiences=frozenset(assertion.get("audiences", ())),
            required=assertion.get("required", False),
            signers=frozenset(each.replace(":", "").lower() for each in assertion.get("signers", ())),
            authn_contexts=frozenset(assertion.get("authn_contexts", ())),
        ),
        matrice=data["habilitations"]["matrice"],
        namespaces=dict(_named(each) for each in patients.get("namespaces", ())),
        reports_of_results=documents.get("reports_of_results", False),
    )


def _named(text: str) -> tuple[str, str]:
    """A name and its OID, of NAME=OID."""
    name, _, oid = text.partition("=")
    return name, oid


def _metadata(metadata: dict[str, Any]) -> MetadataRules:
    return MetadataRules(
        required=frozenset(metadata["required"]),
        limited=metadata["limited"],
        unique_id=UniqueIdForm(metadata["unique_id"]),
        extra_components=metadata["extra_components"],
        leading_zeros=metadata["leading_zeros"],
        references_across=metadata["references_across"],
        max_confidentiality_codes=metadata["max_confidentiality_codes"],
    )


def _queries(queries: dict[str, Any]) -> QueryLimits:
    return QueryLimits(most_objects=queries["most_objects"], most_references=queries["most_references"])
