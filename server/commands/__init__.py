"""The commands of `dmp`, one file for each, and what they share."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from audit.errors import AuditError
from cda.errors import CdaError
from dmp.errors import GestionError, PrintingError, ServiceUnavailable
from dmp.gestion import IdentifierError
from habilitations.store import RightsError
from habilitations.table_file import MatriceError
from identities.ins import InsError, read_cx
from identities.requester import PatientId
from identities.store import IdentityError
from repository.errors import RepositoryError
from schemas import oids
from server.database import BusyError
from server.house import House
from server.migrations import RevisionError, check_revision
from server.people import PeopleError
from server.serve import ServeError
from server.settings import Settings, SettingsError, load

DONE, FAILED, USAGE, NOTHING_FOUND = 0, 1, 2, 3
_CODES = {FAILED: "Failed", USAGE: "Usage", NOTHING_FOUND: "NotFound"}

DEMO_HOME = Path("demo", "home")
Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="DMP_HOME",
        help=f"The folder that holds all state. Default: ./{DEMO_HOME}, where there is one.",
        metavar="DIR",
    ),
]
ServerHome = Annotated[
    Path | None, typer.Option("--home", envvar="DMP_HOME", help="The folder that holds all state.", metavar="DIR")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON value on standard output, errors included.")]
PatientIns = Annotated[
    str, typer.Option("--patient", help="INS of the patient, alone or as INS^^^&OID&ISO.", metavar="INS")
]
InsOid = Annotated[
    str | None,
    typer.Option(
        "--ins-oid",
        help="OID of the INS. Default: that of the DMP with this INS, else that of test NIRs (…4.10).",
        metavar="OID",
    ),
]


class UsageError(ValueError):
    """What the user gave cannot be used; the text says what was expected and what came."""


class NotFoundError(LookupError):
    """There is nothing of that name; the text says what was looked for."""


@contextmanager
def answering(as_json: bool) -> Iterator[None]:
    """Turns every foreseen failure into a message on standard error (or a JSON object) and its exit code.

    Exit codes: 0 done, 1 failed, 2 unusable settings or arguments, 3 nothing found.
    """
    try:
        yield
    except (SettingsError, UsageError, PeopleError, IdentifierError) as error:
        _fail(as_json, USAGE, str(error))
    except NotFoundError as error:
        _fail(as_json, NOTHING_FOUND, str(error))
    except MatriceError as error:
        _fail(as_json, FAILED, error.french)
    except (GestionError, RightsError, IdentityError, RepositoryError) as error:
        _fail(as_json, FAILED, str(error))
    except (ServeError, RevisionError, BusyError, AuditError, CdaError, ServiceUnavailable, PrintingError) as error:
        _fail(as_json, FAILED, str(error))


def _fail(as_json: bool, status: int, text: str) -> None:
    if as_json:
        said = {"status": status, "code": _CODES[status], "context": text}
        typer.echo(json.dumps({"error": said}, ensure_ascii=False))
    else:
        for line in text.splitlines():
            typer.echo(f"dmp: {line}", err=True)
    raise typer.Exit(status)


def settings_of(home: Path | None) -> Settings:
    """The settings of `home`, else the demo's. Raises SettingsError."""
    if home is None and DEMO_HOME.is_dir():
        home = DEMO_HOME
    return load({"home": home}, os.environ)


@contextmanager
def opened(home: Path | None, *, anchors: bool = False) -> Iterator[House]:
    """The house of `home`, else the demo's; its database must be up to date. Raises SettingsError, RevisionError.

    With `anchors` it verifies signatures, as a server does.
    """
    house = House.build(settings_of(home), anchors=anchors)
    try:
        check_revision(house.settings)
        yield house
    finally:
        house.database.dispose()


def operator() -> str:
    """The account of whoever types: the audit log names it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def typed_patient(typed: str, ins_oid: str | None) -> PatientId:
    """The identifier of a patient as typed; without authority ('') when none was said. Raises UsageError."""
    if "^" not in typed:
        return PatientId("".join(typed.split()).upper(), ins_oid or "")
    try:
        patient = read_cx(typed)
    except InsError as error:
        raise UsageError(str(error)) from None
    if ins_oid not in (None, patient.authority):
        raise UsageError(f"patient: expected one OID, got {patient.authority} and --ins-oid {ins_oid}")
    return patient


def patient_ids(house: House, typed: str, ins_oid: str | None) -> tuple[PatientId, ...]:
    """Whoever has this INS: one identifier for each DMP known under it, else one, of the test NIRs' authority.

    Raises UsageError.
    """
    patient = typed_patient(typed, ins_oid)
    if patient.authority:
        return (patient,)
    found: dict[str, PatientId] = {}
    with house.rooms() as rooms:
        for authority in sorted(house.domain.patient_authorities):
            possible = PatientId(patient.value, authority)
            dossier = rooms.identities.dossier(possible)
            if dossier is not None:
                found.setdefault(dossier.key, possible)
    return tuple(found.values()) or (PatientId(patient.value, oids.INS_NIR_TEST),)


def patient_id(house: House, typed: str, ins_oid: str | None) -> PatientId:
    """The identifier of the one patient meant. Raises UsageError when several DMPs are known under this INS."""
    found = patient_ids(house, typed, ins_oid)
    if len(found) > 1:
        known = ", ".join(each.authority for each in found)
        raise UsageError(f"patient: expected --ins-oid OID, {len(found)} DMPs being known under this INS ({known})")
    return found[0]


def show(as_json: bool, value: object, otherwise: Callable[[], None]) -> None:
    """`value` as one line of JSON, or what people read."""
    if as_json:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
    else:
        otherwise()


def _plain(value: object) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Path | PatientId):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)
