"""Registry stored queries: what may be asked, and how the question is coded in slots.

A query is a frozen dataclass and one row of `_QUERIES`, which names its parameters; reading and writing follow from the
row. Alternatives within a slot are OR; a slot repeated is AND, for the attributes that allow it.

Source: ITI TF-2 3.18.4.1.2.3 (coding) and 3.18.4.1.2.3.7 (queries and parameters).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.existing import canonical_id
from registry.metadata import AssociationType, AvailabilityStatus, Code, DtmError, ObjectType, dtm_floor

MAX_VALUES = 10_000  # of one query: as many as one answer has objects; databases limit the values of a statement
MAX_SLOTS = 32  # of one name: each is a condition of the statement

_OLD_STATUS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:"  # in the standard's own samples
_STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"


class ReturnType(Enum):
    """Source: ITI TF-2 3.18.4.1.2.2."""

    LEAF_CLASS = "LeafClass"
    OBJECT_REF = "ObjectRef"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`start` <= time < `stop`, as DTM of 14 digits; '' leaves a side open. Source: ITI TF-2 3.18.4.1.2.3.7.1."""

    start: str = ""
    stop: str = ""


ANY_TIME = TimeRange()
Codes = tuple[Code, ...]  # any of them


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuery:
    """One stored query."""

    return_type: ReturnType

    @property
    def patient(self) -> str | None:
        """The patient of the query as a CX, where the query names one."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDocuments(StoredQuery):
    """DocumentEntries of a patient by their attributes. `author_persons` are LIKE patterns.

    Source: ITI TF-2 3.18.4.1.2.3.7.1.
    """

    patient_id: str
    statuses: tuple[AvailabilityStatus, ...]
    class_codes: Codes = ()
    type_codes: Codes = ()
    practice_setting_codes: Codes = ()
    healthcare_facility_type_codes: Codes = ()
    format_codes: Codes = ()
    event_codes: tuple[Codes, ...] = ()
    confidentiality_codes: tuple[Codes, ...] = ()
    creation_time: TimeRange = ANY_TIME
    service_start_time: TimeRange = ANY_TIME
    service_stop_time: TimeRange = ANY_TIME
    author_persons: tuple[str, ...] = ()
    object_types: tuple[ObjectType, ...] = (ObjectType.STABLE,)

    @property
    def patient(self) -> str | None:
        return self.patient_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDocuments(StoredQuery):
    """DocumentEntries by entryUUID or by uniqueId. Source: ITI TF-2 3.18.4.1.2.3.7.5."""

    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAssociations(StoredQuery):
    """Associations that have one of `uuids` at an end. Source: ITI TF-2 3.18.4.1.2.3.7.7."""

    uuids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSubmissionSets(StoredQuery):
    """SubmissionSets that hold one of `uuids`, and the HasMember that say so. Source: ITI TF-2 3.18.4.1.2.3.7.9."""

    uuids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRelatedDocuments(StoredQuery):
    """A document and those one association away from it. Source: ITI TF-2 3.18.4.1.2.3.7.13."""

    association_types: tuple[AssociationType, ...]
    entry_uuid: str = ""
    unique_id: str = ""
    object_types: tuple[ObjectType, ...] = (ObjectType.STABLE,)


# --- The table --------------------------------------------------------------------------------------------------------


class _Many(Enum):
    """How often a parameter may come."""

    ONE = auto()  # one value
    ANY = auto()  # several values, any of which matches
    ALL = auto()  # as ANY, and the slot may be repeated: each must match


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one value of a parameter is coded. `read` gives None for a value that the standard lets us ignore."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    expected: str


@dataclass(frozen=True, slots=True)
class _Parameter:
    """One parameter of a query: its slot, the field it fills, how it is coded. Each side of a time range has a slot."""

    slot: str
    field: str
    kind: _Kind
    many: _Many = _Many.ANY
    required: bool = False
    side: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    query: type[StoredQuery]
    parameters: tuple[_Parameter, ...]
    either: tuple[str, str] | None = None  # two slots of which exactly one must be there


def _read_code(text: str) -> Code:
    code, _, rest = text.partition("^")
    empty, caret, scheme = rest.partition("^")
    if not (code and caret and scheme) or empty or "^" in scheme:
        raise ValueError
    return Code(code, scheme)


def _member(kind: type[Enum]) -> Callable[[str], Enum | None]:
    known: Mapping[str, Enum] = {item.value: item for item in kind}
    return known.get


def _read_status(text: str) -> AvailabilityStatus | None:
    text = _STATUS + text.removeprefix(_OLD_STATUS) if text.startswith(_OLD_STATUS) else text
    try:
        return AvailabilityStatus(text)
    except ValueError:
        return None


def _value(item: Enum) -> str:
    return str(item.value)


_TEXT = _Kind(lambda text: text or None, str, "a text")
_UUID = _Kind(lambda text: canonical_id(text) or None, str, "a UUID")
_CODE = _Kind(_read_code, lambda code: f"{code.code}^^{code.scheme}", "a code^^scheme")
_DTM = _Kind(dtm_floor, str, "a time YYYY[MM[DD[hh[mm[ss]]]]]")
_STATUSES = _Kind(_read_status, _value, "an availabilityStatus")
_OBJECT_TYPES = _Kind(_member(ObjectType), _value, "an objectType")
_ASSOCIATION_TYPES = _Kind(_member(AssociationType), _value, "an association type")


def _times(slot: str, field: str) -> tuple[_Parameter, _Parameter]:
    start = _Parameter(f"{slot}From", field, _DTM, _Many.ONE, side="start")
    return start, _Parameter(f"{slot}To", field, _DTM, _Many.ONE, side="stop")


_ENTRY = "$XDSDocumentEntry"
_OBJECT_TYPE = _Parameter(f"{_ENTRY}Type", "object_types", _OBJECT_TYPES)
_UUIDS = _Parameter("$uuid", "uuids", _UUID, required=True)

_QUERIES = (
    _Row(
        "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
        FindDocuments,
        (
            _Parameter(f"{_ENTRY}PatientId", "patient_id", _TEXT, _Many.ONE, required=True),
            _Parameter(f"{_ENTRY}ClassCode", "class_codes", _CODE),
            _Parameter(f"{_ENTRY}TypeCode", "type_codes", _CODE),
            _Parameter(f"{_ENTRY}PracticeSettingCode", "practice_setting_codes", _CODE),
            *_times(f"{_ENTRY}CreationTime", "creation_time"),
            *_times(f"{_ENTRY}ServiceStartTime", "service_start_time"),
            *_times(f"{_ENTRY}ServiceStopTime", "service_stop_time"),
            _Parameter(f"{_ENTRY}HealthcareFacilityTypeCode", "healthcare_facility_type_codes", _CODE),
            _Parameter(f"{_ENTRY}EventCodeList", "event_codes", _CODE, _Many.ALL),
            _Parameter(f"{_ENTRY}ConfidentialityCode", "confidentiality_codes", _CODE, _Many.ALL),
            _Parameter(f"{_ENTRY}AuthorPerson", "author_persons", _TEXT),
            _Parameter(f"{_ENTRY}FormatCode", "format_codes", _CODE),
            _Parameter(f"{_ENTRY}Status", "statuses", _STATUSES, required=True),
            _OBJECT_TYPE,
        ),
    ),
    _Row(
        "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
        GetDocuments,
        (
            _Parameter(f"{_ENTRY}EntryUUID", "entry_uuids", _UUID),
            _Parameter(f"{_ENTRY}UniqueId", "unique_ids", _TEXT),
        ),
        either=(f"{_ENTRY}EntryUUID", f"{_ENTRY}UniqueId"),
    ),
    _Row("urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155", GetAssociations, (_UUIDS,)),
    _Row("urn:uuid:51224314-5390-4169-9b91-b1980040715a", GetSubmissionSets, (_UUIDS,)),
    _Row(
        "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6",
        GetRelatedDocuments,
        (
            _Parameter(f"{_ENTRY}EntryUUID", "entry_uuid", _UUID, _Many.ONE),
            _Parameter(f"{_ENTRY}UniqueId", "unique_id", _TEXT, _Many.ONE),
            _Parameter("$AssociationTypes", "association_types", _ASSOCIATION_TYPES, required=True),
            _OBJECT_TYPE,
        ),
        either=(f"{_ENTRY}EntryUUID", f"{_ENTRY}UniqueId"),
    ),
)
_BY_ID = {row.id: row for row in _QUERIES}
_BY_CLASS = {row.query: row for row in _QUERIES}


# --- Reading ----------------------------------------------------------------------------------------------------------


def read_stored_query(
    query_id: str, slots: Sequence[tuple[str, Sequence[str]]], return_type: ReturnType
) -> StoredQuery:
    """The query that `slots` code: (name, texts of the Value elements), in message order; a name may come again.

    Parameters of no query (`$MetadataLevel`, `$homeCommunityId`) are left aside; the separate code scheme slots of
    XDS.a are refused with the codes that need them. Raises RegistryError with every fault found: XDSUnknownStoredQuery,
    XDSStoredQueryMissingParam, XDSStoredQueryParamNumber, or XDSRegistryError for a value that is not coded as it must.
    Source: ITI TF-2 3.18.4.1.2.3 and 3.18.4.1.3.
    """
    row = _BY_ID.get(canonical_id(query_id))
    if row is None:
        code = ErrorCode.XDSUnknownStoredQuery
        known = ", ".join(item.query.__name__ for item in _QUERIES)
        raise RegistryError.single(code, "AdhocQuery/@id", expected=f"one of {known}", got=query_id[:64])
    if findings := _too_much(slots):
        raise RegistryError(findings)
    fields: dict[str, Any] = {}
    for parameter in row.parameters:
        given = [values for name, values in slots if name == parameter.slot]
        read = _read_parameter(parameter, given, findings)
        if parameter.side and read:
            sides = {parameter.side: read}
            before: TimeRange = fields.get(parameter.field, ANY_TIME)
            fields[parameter.field] = TimeRange(
                start=sides.get("start", before.start), stop=sides.get("stop", before.stop)
            )
        elif read is not None:
            fields[parameter.field] = read
    if row.either is not None:
        findings += _not_either(row.either, {name for name, values in slots if any(map(str.strip, values))})
    if findings:
        raise RegistryError(findings)
    return row.query(return_type=return_type, **fields)


def _too_much(slots: Sequence[tuple[str, Sequence[str]]]) -> list[Finding]:
    """What no statement could hold. Commas are counted, before anything is read of the values."""
    code, names = ErrorCode.XDSStoredQueryParamNumber, Counter(name for name, _ in slots)
    many = {name[:64]: count for name, count in names.items() if count > MAX_SLOTS}
    found = [finding(code, name, expected=f"at most {MAX_SLOTS} slots", got=str(many[name])) for name in many]
    values = sum(1 + value.count(",") for _, texts in slots for value in texts)
    if values > MAX_VALUES:
        found.append(finding(code, "AdhocQuery", expected=f"at most {MAX_VALUES} values", got=str(values)))
    return found


def _not_either(either: tuple[str, str], given: set[str]) -> list[Finding]:
    count = len(given & set(either))
    if count == 1:
        return []
    code = ErrorCode.XDSStoredQueryParamNumber if count else ErrorCode.XDSStoredQueryMissingParam
    return [finding(code, " or ".join(either), expected="one of them", got="both" if count else "none")]


def _read_parameter(parameter: _Parameter, given: list[Sequence[str]], findings: list[Finding]) -> Any:
    """The field's value, or None when the parameter is not there or at fault."""
    faults = len(findings)
    if len(given) > 1 and parameter.many is not _Many.ALL:
        got = f"{len(given)} slots"
        findings.append(_wrong_number(parameter, "one slot", got))
        return None
    alternatives = [_read_values(parameter, values, findings) for values in given]
    if len(findings) > faults:
        return None
    read = [tuple(item for item in values if item is not None) for values in alternatives]
    if parameter.required and not any(read):
        code = ErrorCode.XDSStoredQueryMissingParam
        expected = f"a slot with {parameter.kind.expected}"
        got = "only values that are not known" if any(alternatives) else "none"
        findings.append(finding(code, parameter.slot, expected=expected, got=got))
        return None
    if not any(alternatives):
        return None
    if parameter.many is _Many.ALL:
        return tuple(group for group in read if group)
    if parameter.many is _Many.ANY:
        return read[0]
    if len(read[0]) > 1:
        findings.append(_wrong_number(parameter, "one value", f"{len(read[0])}"))
        return None
    return read[0][0] if read[0] else None


def _wrong_number(parameter: _Parameter, expected: str, got: str) -> Finding:
    return finding(ErrorCode.XDSStoredQueryParamNumber, parameter.slot, expected=expected, got=got)


def _read_values(parameter: _Parameter, values: Sequence[str], findings: list[Finding]) -> list[Any]:
    read: list[Any] = []
    for value in values:
        texts = _split(value)
        if texts is None:
            findings.append(_miscoded(parameter, "'...' or ('...','...')"))
            continue
        for text in texts:
            try:
                read.append(parameter.kind.read(text))
            except (DtmError, ValueError):
                findings.append(_miscoded(parameter, parameter.kind.expected))
    return read


def _miscoded(parameter: _Parameter, expected: str) -> Finding:
    return finding(ErrorCode.XDSRegistryError, parameter.slot, expected=expected, got="a value coded otherwise")


_LITERAL = r"(?:'(?:[^']|'')*'|[0-9]+)"
_LIST = re.compile(rf"\s*(?:{_LITERAL}|\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*\s*\))\s*\Z")
_LITERALS = re.compile(_LITERAL)


def _split(value: str) -> list[str] | None:
    """The literals of one Value: a quoted text, a number, or a list of them in parentheses; None for anything else."""
    if not value.strip():
        return []
    if not _LIST.match(value):
        return None
    return [item[1:-1].replace("''", "'") if item.startswith("'") else item for item in _LITERALS.findall(value)]


# --- Writing ----------------------------------------------------------------------------------------------------------


def write_stored_query(query: StoredQuery) -> tuple[str, list[tuple[str, list[str]]]]:
    """The query's id and the slots that code it, one literal to a Value, so that each Value stays short.

    Source: ITI TF-2 3.18.4.1.2.3.
    """
    row = _BY_CLASS[type(query)]
    slots: list[tuple[str, list[str]]] = []
    for parameter in row.parameters:
        content = getattr(query, parameter.field)
        if parameter.side:
            content = getattr(content, parameter.side)
        if parameter.many is _Many.ONE:
            groups = [[_literal(parameter, content)]] if content else []
        elif parameter.many is _Many.ANY:
            groups = [[f"({_literal(parameter, item)})" for item in content]] if content else []
        else:
            groups = [[f"({_literal(parameter, item)})" for item in group] for group in content]
        slots += [(parameter.slot, values) for values in groups]
    return row.id, slots


def _literal(parameter: _Parameter, item: Any) -> str:
    text = parameter.kind.write(item)
    return text if parameter.kind is _DTM else "'" + text.replace("'", "''") + "'"
