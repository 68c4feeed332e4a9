"""The form of a document in TOML: who, about whom, where, when, and what it is. docs/examples/cda/form.toml is one.

Codes are those of the CI-SIS; their labels come from its tables.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cda.builders.document import Address, Author, Context, Identification, Patient, Structure
from cda.unstructured import Form
from identities.dossier import Traits
from identities.requester import PatientId
from registry.metadata import Code
from schemas import oids
from schemas.value_sets import ValueSets
from server.commands import UsageError


def read_form(path: Path, identification: Identification) -> Form:
    """The form in a file. Raises UsageError."""
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: expected a file that can be read, got: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected TOML in UTF-8, got: {error}") from None
    return _Reader(said).form(identification)


class _Reader:
    """A form, section by section. Raises UsageError, with the name of what is missing or wrong."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said, self._tables = said, ValueSets.load()

    def form(self, identification: Identification) -> Form:
        stay = self._section("stay")
        context = Context(
            patient=self._patient(),
            author=self._author(),
            structure=self._structure(),
            identification=identification,
            start=_moment("stay.start", stay.get("start")),
            stop=_moment("stay.stop", stay["stop"]) if "stop" in stay else None,
            inpatient=bool(stay.get("inpatient", False)),
        )
        return Form(context, self._code("document", "type", "type_document"), self._text("document", "title"))

    def _patient(self) -> Patient:
        born = self._section("patient").get("birth_date")
        if not isinstance(born, date):
            raise UsageError(f"patient.birth_date: expected a date (YYYY-MM-DD), got {born!r}")
        sex = self._text("patient", "sex")
        if sex not in ("M", "F", "U"):
            raise UsageError(f"patient.sex: expected M, F or U, got {sex!r}")
        place, family, given = (
            self._text("patient", name, "") for name in ("birth_place", "used_family", "used_given")
        )
        birth = (self._text("patient", "family"), self._text("patient", "given"))
        return Patient(
            identifier=PatientId(self._text("patient", "ins"), self._text("patient", "ins_oid", oids.INS_NIR)),
            traits=Traits(*birth, born, sex, place, family, given),
            address=self._address("patient"),
            ipp=self._text("patient", "ipp", ""),
            ipp_authority=self._text("patient", "ipp_authority", ""),
            givens=self._text("patient", "givens", ""),
        )

    def _author(self) -> Author:
        return Author(
            id_nat=self._text("author", "id"),
            family=self._text("author", "family"),
            given=self._text("author", "given"),
            specialty=self._code("author", "specialty", "author_specialty"),
            civility=self._text("author", "civility", "M"),
            title=self._text("author", "title", "DR"),
        )

    def _structure(self) -> Structure:
        return Structure(
            structure_id=self._text("structure", "id"),
            name=self._text("structure", "name"),
            facility=self._code("structure", "facility", "healthcare_facility_type"),
            setting=self._code("structure", "setting", "practice_setting"),
            address=self._address("structure"),
            phone=self._text("structure", "phone"),
        )

    def _address(self, section: str) -> Address:
        return Address(*(self._text(section, name) for name in ("number", "street", "postal_code", "city")))

    def _section(self, name: str) -> Mapping[str, Any]:
        found = self._said.get(name)
        if not isinstance(found, dict):
            raise UsageError(f"{name}: expected a section [{name}], got none")
        return found

    def _text(self, section: str, name: str, default: str | None = None) -> str:
        found = self._section(section).get(name, default)
        if not isinstance(found, str) or (not found and default is None):
            raise UsageError(f"{section}.{name}: expected text, got {found!r}")
        return found

    def _code(self, section: str, name: str, table: str) -> Code:
        """The code with its system and label."""
        code = self._text(section, name)
        found = next((each for each in self._tables.concepts(table) if each.code == code), None)
        if found is None:
            raise UsageError(f"{section}.{name}: expected a code of {table}, got {code!r}")
        return Code(found.code, found.scheme, found.label)


def _moment(name: str, found: object) -> datetime:
    """A time with its offset; a date is its beginning in UTC."""
    if isinstance(found, datetime) and found.tzinfo is not None:
        return found
    if isinstance(found, date) and not isinstance(found, datetime):
        return datetime(found.year, found.month, found.day, tzinfo=UTC)
    raise UsageError(f"{name}: expected a time with its offset, or a date, got {found!r}")
