"""The code tables: which codes each coded attribute may take, and how one code is deduced from another.

The tables are files of `schemas/tables`, versions and origins in `schemas/PROVENANCE.toml`. A domain file says which
tables an attribute accepts. A code is its value and its scheme; a label is never compared.

Source: CI-SIS, volet Partage de documents de santé, jeux de valeurs XDS; ITI TF-3 4.2.3.1.2 (coded attributes).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from schemas.domain import Domain
from schemas.errors import UnexpectedError

_FOLDER = Path(__file__).parent / "tables"
_CODES = ("code", "system", "label")
_TYPE_TO_CLASS = "type_to_class"
_TEMPLATE_TO_FORMAT = "template_to_format"


class ValueSetError(UnexpectedError):
    """A table that does not exist or cannot be read."""


class CodeLike(Protocol):
    """Anything with a code and its scheme, such as registry.metadata.Code."""

    @property
    def code(self) -> str: ...

    @property
    def scheme(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Concept:
    """One row of a table. `scheme` is an OID, or a name such as `ASTM` and `URN` in the DMP's signature document."""

    code: str
    scheme: str
    label: str = ""


_Key = tuple[str, str]
_Table = Mapping[_Key, Concept]


@dataclass(frozen=True, slots=True)
class ValueSets:
    """Every table, immutable. Made once by `load`."""

    _tables: Mapping[str, _Table]
    _classes: Mapping[_Key, Concept]
    _formats: Mapping[_Key, Concept]

    @classmethod
    def load(cls) -> ValueSets:
        """The tables of `schemas/tables`, read once for the process. Raises ValueSetError for a file out of shape."""
        return _load()

    @property
    def tables(self) -> frozenset[str]:
        """The names of the tables of codes."""
        return frozenset(self._tables)

    def concepts(self, table: str) -> tuple[Concept, ...]:
        """The rows of `table`, in the order of its file. Raises ValueSetError for an unknown table."""
        return tuple(self._table(table).values())

    def contains(self, table: str, code: str, scheme: str) -> bool:
        """Whether `table` has that code in that scheme. Raises ValueSetError for an unknown table."""
        return (code, scheme) in self._table(table)

    def label(self, table: str, code: str, scheme: str) -> str:
        """The French label of a code, '' when the table does not have it. Raises ValueSetError for an unknown table."""
        concept = self._table(table).get((code, scheme))
        return concept.label if concept else ""

    def is_code(self, domain: Domain, attribute: str, code: CodeLike) -> bool:
        """Whether `code` is one of those that `domain` accepts for an attribute (`class_code`, `type_code` ...).

        A domain with `open_schemes` leaves the codes of schemes that none of its tables has to other domains.

        Raises ValueSetError when the domain names no table for that attribute: nothing is accepted by omission.
        """
        tables = domain.codes.get(attribute)
        if tables is None:
            raise ValueSetError(f"an attribute among {', '.join(sorted(domain.codes))}", attribute)
        if any(self.contains(table, code.code, code.scheme) for table in tables):
            return True
        return domain.open_schemes and all(code.scheme not in self._schemes(table) for table in tables)

    def _schemes(self, table: str) -> frozenset[str]:
        return frozenset(scheme for _, scheme in self._table(table))

    def class_for_type(self, type_code: str, scheme: str | None = None) -> Concept | None:
        """The class of a document type, None when no association says it. Without `scheme`, the first of that code.

        Source: ANS ASS_X16-CorrespondanceType-Classe-DMP, ASS_X04-CorrespondanceType-Classe-CISIS.
        """
        if scheme is not None:
            return self._classes.get((type_code, scheme))
        return next((found for (code, _), found in self._classes.items() if code == type_code), None)

    def format_for_templates(self, templates: Iterable[str], media_type: str = "") -> Concept | None:
        """The format of a CDA document: of its templateId, and of its media type when its body is not XML.

        The most specific template stands last in a header, so the last one with a row decides. None when none has.
        Source: ANS ASS_A11-CorresModeleCDA-XdsFormatCode-CISIS.
        """
        rows = (self._formats.get((template, media_type)) for template in reversed(tuple(templates)))
        return next((row for row in rows if row is not None), None)

    def _table(self, name: str) -> _Table:
        try:
            return self._tables[name]
        except KeyError:
            raise ValueSetError(f"a table among {', '.join(sorted(self._tables))}", name) from None


@lru_cache(maxsize=1)
def _load() -> ValueSets:
    tables: dict[str, _Table] = {}
    for path in sorted(_FOLDER.glob("*.csv")):
        if path.stem not in (_TYPE_TO_CLASS, _TEMPLATE_TO_FORMAT):
            rows = (Concept(code, system, label) for code, system, label in _rows(path, _CODES))
            tables[path.stem] = MappingProxyType({(row.code, row.scheme): row for row in rows})
    classes = {
        (code, system): _named(tables, "classe_document", class_code, class_system)
        for code, system, class_code, class_system in _rows(
            _FOLDER / f"{_TYPE_TO_CLASS}.csv", ("code", "system", "class_code", "class_system")
        )
    }
    formats = {
        (template, media_type): _named(tables, "format_code", code, system)
        for template, media_type, code, system in _rows(
            _FOLDER / f"{_TEMPLATE_TO_FORMAT}.csv", ("template", "media_type", "code", "system")
        )
    }
    return ValueSets(MappingProxyType(tables), MappingProxyType(classes), MappingProxyType(formats))


def _named(tables: Mapping[str, _Table], table: str, code: str, scheme: str) -> Concept:
    """The target of an association, which must be a row of its own table."""
    concept = tables[table].get((code, scheme))
    if concept is None:
        raise ValueSetError(f"a code of {table}", f"{code} ({scheme})")
    return concept


def _rows(path: Path, header: tuple[str, ...]) -> list[list[str]]:
    """The rows under `header` of one table; lines that begin with `#` say where it comes from."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    rows = list(csv.reader(lines))
    if not rows or tuple(rows[0]) != header:
        raise ValueSetError(f"{path.name} with the columns {', '.join(header)}", ", ".join(rows[0]) if rows else "none")
    for row in rows[1:]:
        if len(row) != len(header):
            raise ValueSetError(f"{len(header)} columns in every row of {path.name}", f"{len(row)}")
    return rows[1:]
