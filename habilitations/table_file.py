"""A table of rights as a file: CSV under a comment header of `# key: value` lines (docs/habilitations.md)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TypeVar

_HEADER = re.compile(r"# (version \w+|[a-z]+): (.+)\Z")
_Member = TypeVar("_Member", bound=Enum)


class MatriceError(ValueError):
    """A table that cannot be used. `line` is the line of the file, 0 when it is about the whole of it."""

    def __init__(self, path: Path, line: int, expected: str, got: str) -> None:
        super().__init__(f"{path.name}:{line}: expected {expected}, got {got or 'nothing'}")
        self.path, self.line, self.expected, self.got = path, line, expected, got


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the values by column name, and the line of the file."""

    path: Path
    line: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def error(self, column: str, expected: str) -> MatriceError:
        """The error of a value that is not what was expected."""
        return MatriceError(self.path, self.line, f"{column}: {expected}", self.values[column])

    def filled(self, column: str) -> str:
        """A value that may not be empty. Raises MatriceError."""
        if not self.values[column]:
            raise self.error(column, "a text")
        return self.values[column]

    def member(self, column: str, members: type[_Member]) -> _Member:
        """The value as a member of an enumeration. Raises MatriceError."""
        try:
            return members(self.values[column])
        except ValueError:
            raise self.error(column, ", ".join(str(member.value) for member in members)) from None


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file read and cut into header and rows; what stands in them is not judged yet."""

    path: Path
    header: Mapping[str, str]
    rows: tuple[Row, ...]

    @classmethod
    def read(cls, path: Path, columns: Sequence[str]) -> TableFile:
        """The table of a UTF-8 file that has exactly these columns, in any order. Raises MatriceError."""
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise MatriceError(path, 0, "a readable UTF-8 file", type(error).__name__) from None
        size = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
        header = {match[1]: match[2] for line in lines[:size] if (match := _HEADER.match(line))}
        names = next(csv.reader(lines[size : size + 1]), [])
        _same_columns(path, size + 1, names, columns)
        return cls(path, header, tuple(_rows(path, size + 2, names, lines[size + 1 :])))

    def text(self, key: str) -> str:
        """The header line of that key. Raises MatriceError when there is none."""
        if key not in self.header:
            raise MatriceError(self.path, 0, f"a header line '# {key}: ...'", "none")
        return self.header[key]

    def date(self) -> date:
        """The date in the header. Raises MatriceError."""
        try:
            return date.fromisoformat(self.text("date"))
        except ValueError:
            raise MatriceError(self.path, 0, "date: YYYY-MM-DD", self.text("date")) from None

    def member(self, key: str, members: type[_Member]) -> _Member:
        """The header line of that key as a member of an enumeration. Raises MatriceError."""
        try:
            return members(self.text(key))
        except ValueError:
            expected = f"{key}: {', '.join(str(member.value) for member in members)}"
            raise MatriceError(self.path, 0, expected, self.text(key)) from None


def _same_columns(path: Path, line: int, names: list[str], columns: Sequence[str]) -> None:
    for name in names:
        if name not in columns:
            raise MatriceError(path, line, f"columns among {', '.join(columns)}", name)
        if names.count(name) > 1:
            raise MatriceError(path, line, "each column once", f"{name} twice")
    for column in columns:
        if column not in names:
            raise MatriceError(path, line, f"the column {column}", "none")


def _rows(path: Path, first: int, names: list[str], lines: list[str]) -> Iterator[Row]:
    for line, text in enumerate(lines, first):
        values = next(csv.reader([text]), [])
        if len(values) != len(names):
            raise MatriceError(path, line, f"{len(names)} cells", str(len(values)))
        yield Row(path, line, dict(zip(names, values, strict=True)))
