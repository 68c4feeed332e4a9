"""The faults of one object of a submission, attribute by attribute: presence, form, code, length.

Source: ITI TF-3 4.2.3.1 (general information about metadata attributes).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from registry.errors import ErrorCode, Finding, finding
from registry.hl7_types import MAX_VALUE, cx_fault, cx_key, oid_fault, shape, xcn_fault, xon_fault
from registry.metadata import Author, Code, Slots
from schemas.domain import Domain

IsCode = Callable[[str, Code], bool]
Check = Callable[[str], str | None]
"""What was expected of a value that is there, or None."""

# What a metadata update says in slots of its associations; elsewhere `registry.relationships` refuses them.
# Source: XDS Metadata Update 3.57.4.1.3.3.
_UPDATE_SLOTS = frozenset({"PreviousVersion", "OriginalStatus", "NewStatus", "AssociationPropagation"})

# RFC 2141 §2; a namespace without more is taken as well (NIST test 15801 sends `urn:att`).
_URN = re.compile(r"urn:(?!ihe:)[a-z0-9][a-z0-9-]{0,31}(:\S+)?\Z", re.IGNORECASE)
_SHA1 = re.compile(r"[0-9a-fA-F]{40}\Z")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")  # RFC 5646 §2.1
_MIME_TYPE = re.compile(r"[!#$&^_.+A-Za-z0-9-]+/[!#$&^_.+A-Za-z0-9-]+\Z")  # RFC 6838 §4.2
_HOME = "urn:oid:"  # RFC 3061


class ObjectReport:
    """The faults of one object; `kind` is its name as printed, `location` its id, `required` what it must have."""

    def __init__(self, kind: str, location: str, domain: Domain, is_code: IsCode, required: frozenset[str]) -> None:
        self.kind, self.location, self.domain, self.is_code = kind, location, domain, is_code
        self.rules, self._required = domain.metadata, required

    def wanted(self, attribute: str) -> bool:
        """Whether the object must have `attribute`."""
        return f"{self.kind}.{attribute}" in self._required

    def fault(
        self, attribute: str, expected: str, got: str, code: ErrorCode = ErrorCode.XDSRegistryMetadataError
    ) -> Finding:
        got = got[:80] or "nothing"
        return finding(code, f"{self.kind}.{attribute}", expected=expected, got=got, location=self.location)

    def form(self, attribute: str, value: str, check: Check) -> Iterator[Finding]:
        """A fault when `value` is wanting, or there and of another form."""
        expected = check(value) if value or self.wanted(attribute) else None
        if expected is not None:
            yield self.fault(attribute, expected, value)

    def private(self, attribute: str, value: str, check: Check) -> Iterator[Finding]:
        """The same for an attribute that identifies somebody."""
        expected = check(value) if value or self.wanted(attribute) else None
        if expected is not None:
            yield self.fault(attribute, expected, shape(value))

    def each(self, attribute: str, values: Iterable[str], check: Check) -> Iterator[Finding]:
        """The same for each of many values, none of which may be empty."""
        for value in values:
            expected = check(value)
            if expected is not None:
                yield self.fault(attribute, expected, shape(value))

    def member(self, attribute: str, value: str, members: frozenset[str], check: Check) -> Iterator[Finding]:
        """The same for an attribute that the domain may restrict to some values."""
        if value and members and value not in members:
            yield self.fault(attribute, f"one of {', '.join(sorted(members))}", value)
        else:
            yield from self.form(attribute, value, check)

    def oid(self, text: str) -> str | None:
        return oid_fault(text, zeros=self.rules.leading_zeros)

    def cx(self, text: str) -> str | None:
        return cx_fault(text, extra=self.rules.extra_components)

    def xcn(self, text: str) -> str | None:
        return xcn_fault(text)

    def xon(self, text: str) -> str | None:
        return xon_fault(text, extra=self.rules.extra_components)

    def lengths(self, attribute: str, values: Iterable[str]) -> Iterator[Finding]:
        """A Value is a LongName. Source: ebRIM 3.0 §2.8."""
        return lengths(f"{self.kind}.{attribute}", values, self.location)

    def code(self, attribute: str, printed: str, code: Code) -> Iterator[Finding]:
        """Source: ITI TF-3 4.2.3.1.2; ITI TF-2 3.42.4.1.3.3.3."""
        if not (code.code or code.scheme):
            if self.wanted(printed):
                yield self.fault(printed, "a code and its scheme", "none")
            return
        yield from self._code(attribute, printed, code)

    def code_list(self, attribute: str, printed: str, codes: tuple[Code, ...]) -> Iterator[Finding]:
        if not codes and self.wanted(printed):
            yield self.fault(printed, "at least one code", "none")
        for code in codes:
            yield from self._code(attribute, printed, code)

    def _code(self, attribute: str, printed: str, code: Code) -> Iterator[Finding]:
        yield from self.lengths(printed, (code.code, code.scheme))
        got = f"{code.code} of {code.scheme}"
        if not code.code or not code.scheme:
            yield self.fault(printed, "a code and its scheme", got)
        elif attribute in self.domain.codes and not self.is_code(attribute, code):
            yield self.fault(printed, f"a code of {', '.join(self.domain.codes[attribute])}", got)

    def home(self, value: str) -> Iterator[Finding]:
        """Source: ITI TF-3 4.2.3.2.12."""
        if value and not (value.startswith(_HOME) and self.oid(value.removeprefix(_HOME)) is None):
            yield self.fault("homeCommunityId", "urn:oid: and an OID", value)

    def patient(self, value: str) -> Iterator[Finding]:
        yield from self.private("patientId", value, self.cx)
        authority = cx_key(value)[1]
        known = self.domain.patient_authorities
        if value and self.cx(value) is None and known and authority not in known:
            code = ErrorCode.XDSUnknownPatientId
            yield self.fault("patientId", f"an issuing authority among {', '.join(sorted(known))}", authority, code)

    def authors(self, authors: tuple[Author, ...]) -> Iterator[Finding]:
        """Source: ITI TF-3 4.2.3.1.4."""
        if not authors and self.wanted("author"):
            yield self.fault("author", "at least one", "none")
        for author in authors:
            if not (author.person or author.institutions or author.telecommunications):
                expected = "an authorPerson, authorInstitution or authorTelecommunication"
                yield self.fault("author", expected, "none")
            yield from self.private("author.authorPerson", author.person, self.xcn)
            yield from self.each("author.authorInstitution", author.institutions, self.xon)
            values = (*author.institutions, *author.roles, *author.specialties, *author.telecommunications)
            yield from self.lengths("author", (author.person, *values))
            for name, given in author.extra_slots:
                yield from self.lengths(f"author/{name[:64]}", given)


def lengths(attribute: str, values: Iterable[str], location: str) -> Iterator[Finding]:
    for value in values:
        if len(value) > MAX_VALUE:
            expected, got = f"at most {MAX_VALUE} characters", str(len(value))
            code = ErrorCode.XDSRegistryMetadataError
            yield finding(code, attribute, expected=expected, got=got, location=location)


def slot_faults(kind: str, slots: Slots, location: str) -> Iterator[Finding]:
    """Extra metadata: slots with a name of their own, which is a URN, though none of IHE's.

    Source: ITI TF-3 4.2.3.1.6; ITI TF-2 3.42.4.1.3.2 (the registry shall verify it).
    """
    code = ErrorCode.XDSRegistryMetadataError
    for name, count in Counter(name for name, _ in slots).items():
        if count > 1:
            expected, got = "one slot of a name", f"{count} named {name[:64]}"
            yield finding(code, f"{kind}/Slot", expected=expected, got=got, location=location)
        if not _URN.match(name) and name not in _UPDATE_SLOTS:
            expected, got = "the name of an attribute, or a URN that is not IHE's", name[:64] or "none"
            yield finding(code, f"{kind}/Slot", expected=expected, got=got, location=location)
    for name, values in slots:
        yield from lengths(f"{kind}/{name[:64]}", values, location)


def sha1_fault(text: str) -> str | None:
    return None if _SHA1.match(text) else "a SHA-1 in hexadecimal"


def language_fault(text: str) -> str | None:
    return None if _LANGUAGE.match(text) else "a language tag of RFC 5646"


def mime_type_fault(text: str) -> str | None:
    return None if _MIME_TYPE.match(text) else "a media type"
