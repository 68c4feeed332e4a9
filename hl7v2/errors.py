"""What goes wrong at the HL7 v2 door, and the one table that says how it sounds in an acknowledgement.

AE tells that the message cannot be carried out as it is, AR that the same message may be sent again later.

Source: HL7 v2.5 2.15.5 (ERR), tables 0008, 0357 and 0516; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2,
acknowledgements and error codes (applicationErrorCode 900 to 906).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from audit.errors import AuditError
from dmp.errors import AccessRefused, GestionError, PrintingError, ServiceUnavailable
from registry.errors import ErrorCode, Finding, RegistryError, Severity
from repository.errors import ContentTooLarge, RepositoryFull, RepositoryUnavailable


class Condition(Enum):
    """Source: HL7 table 0357, message error condition codes: code and text."""

    SEGMENT_SEQUENCE = ("100", "Segment sequence error")
    REQUIRED_FIELD = ("101", "Required field missing")
    DATA_TYPE = ("102", "Data type error")
    TABLE_VALUE = ("103", "Table value not found")
    CARDINALITY = ("198", "Non-Conformant Cardinality")
    OTHER = ("199", "Other HL7 Error")
    MESSAGE_TYPE = ("200", "Unsupported message type")
    EVENT_CODE = ("201", "Unsupported event code")
    PROCESSING_ID = ("202", "Unsupported processing id")
    VERSION = ("203", "Unsupported version id")
    UNKNOWN_KEY = ("204", "Unknown key identifier")
    DUPLICATE_KEY = ("205", "Duplicate key identifier")
    LOCKED = ("206", "Application record locked")
    APPLICATION = ("207", "Application internal error")

    @property
    def code(self) -> str:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class ApplicationCode:
    """What ERR-5 says: a code, its text, and the table that has it."""

    code: str
    text: str
    table: str = "HL70533"


WRONG_VERSION = ApplicationCode("900", "Version du document incorrecte lors d'une demande de remplacement/suppression")
NOT_AUTHOR = ApplicationCode("901", "Auteur non autorisé à remplacer ou supprimer un document")
UNKNOWN_PATIENT = ApplicationCode("902", "Identifiant patient inconnu")
NO_INS = ApplicationCode("903", "INS non présent dans le document")
OTHER_INS = ApplicationCode("904", "L'INS transmis ne correspond pas exactement à celui stocké dans la base")
INCOMPLETE_INS = ApplicationCode("905", "L'INS transmis n'est pas complet")
ANOTHER = ApplicationCode("906", "Erreur 'Autre'")


@dataclass(frozen=True, slots=True)
class Location:
    """Where in the message: a segment, which one of its name, a field, its repetition and component; 0 for none."""

    segment: str
    sequence: int = 1
    field: int = 0
    repetition: int = 0
    component: int = 0

    @property
    def erl(self) -> tuple[str, ...]:
        """The components of an ERL. Source: HL7 v2.5 2.A.28."""
        numbers = (self.field, self.repetition or (1 if self.field else 0), self.component)
        return (self.segment, str(self.sequence), *(str(number) for number in numbers if number))


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: what an ERR segment says. `sentence` is French, for who reads it; `passing`: now, not ever."""

    condition: Condition
    diagnostics: str
    location: Location | None = None
    application: ApplicationCode | None = None
    passing: bool = False
    sentence: str = ""


class Hl7Error(Exception):
    """A message that cannot be carried out, with everything found wrong with it (at least one fault)."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{each.condition.code}: {each.diagnostics}" for each in self.faults))

    @classmethod
    def single(
        cls,
        condition: Condition,
        expected: str,
        got: str,
        location: Location | None = None,
        application: ApplicationCode | None = None,
    ) -> Hl7Error:
        """An Hl7Error with one fault."""
        return cls([Fault(condition, f"expected {expected}, got {got}", location, application)])


_CODES = {
    ErrorCode.XDSUnknownPatientId: UNKNOWN_PATIENT,
    ErrorCode.XDSPatientIdDoesNotMatch: OTHER_INS,
    ErrorCode.XDSRegistryDeprecatedDocumentError: WRONG_VERSION,
    ErrorCode.XDSMetadataVersionError: WRONG_VERSION,
    ErrorCode.UnresolvedReferenceException: NOT_AUTHOR,
}
_DMP_CODES = {
    ErrorCode.DMPClosed: "DMP fermé",
    ErrorCode.DMPAccessDeniedByRightsService: "Accès refusé",
}
_UNAVAILABLE = Fault(
    Condition.APPLICATION,
    "service unavailable: what was asked for may not have been done; send it again",
    passing=True,
    sentence="Service indisponible : renvoyez ce message plus tard.",
)


def faults_of(error: Exception) -> tuple[Fault, ...]:
    """How `error` is told. What nobody expected is an internal error, told without its text."""
    match error:
        case Hl7Error():
            return error.faults
        case RegistryError():
            return tuple(told(found) for found in error.findings if found.severity is Severity.ERROR)
        case AccessRefused():
            return (told(error.finding),)
        case GestionError():
            return (Fault(Condition.APPLICATION, type(error).__name__, None, ANOTHER, sentence=str(error)),)
        case PrintingError():
            return (Fault(Condition.APPLICATION, "report not set", passing=error.passing, sentence=str(error)),)
        case ContentTooLarge():
            return (Fault(Condition.APPLICATION, error.diagnostics(), None, ANOTHER),)
        case RepositoryFull() | RepositoryUnavailable() | AuditError() | ServiceUnavailable():
            return (_UNAVAILABLE,)
        case _:
            return (Fault(Condition.APPLICATION, "internal error", passing=True),)


def is_ours(error: Exception) -> bool:
    """Whether it is this server that failed, and not the message."""
    known = (Hl7Error, RegistryError, AccessRefused, GestionError, ContentTooLarge)
    return not isinstance(error, known)


def reason_of(error: Exception) -> str:
    """`error` for the audit log: technical, without anything that a message says of a patient."""
    match error:
        case Hl7Error():
            return "; ".join(f"{each.condition.code}: {each.diagnostics}" for each in error.faults[:5])
        case RegistryError():
            return ", ".join(sorted({found.code.value for found in error.findings}))
        case _:
            return type(error).__name__


def told(found: Finding) -> Fault:
    """How a finding of the hall is told, wherever in the message it may be."""
    diagnostics = f"{found.code.value}: {found.context}"
    if found.code is ErrorCode.XDSRegistryBusy:
        return Fault(Condition.LOCKED, diagnostics, passing=True)
    if found.code in _DMP_CODES:
        application = ApplicationCode(found.code.value, _DMP_CODES[found.code], "DMPERRORCODE")
        return Fault(Condition.APPLICATION, diagnostics, None, application, sentence=found.context)
    return Fault(Condition.APPLICATION, diagnostics, None, _CODES.get(found.code, ANOTHER))
