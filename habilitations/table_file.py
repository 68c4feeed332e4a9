"""A table of rights as a file: CSV under a comment header of `# key: value` lines (docs/habilitations.md).

There is one form and no other, so that what an official table says cannot depend on who reads it: UTF-8 without byte
order mark, lines that end in LF, cells separated by commas.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TypeVar

_HEADER = re.compile(r"# (version \w+|[a-z]+): (.*\S)\s*\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_BOM = b"\xef\xbb\xbf"
_SEPARATORS = {";": ("semicolons", "des points-virgules"), "\t": ("tabulations", "des tabulations")}
_Member = TypeVar("_Member", bound=Enum)


@dataclass(frozen=True, slots=True)
class Text:
    """One text in the language of logs and in that of the operator's commands."""

    english: str
    french: str


NONE = Text("none", "rien")


class MatriceError(ValueError):
    """A table that cannot be used. `line` is the line of the file, 0 when it is about the whole of it.

    A plain `expected` or `got` is a value of the file, the same in both languages; `french` is the whole in French.
    """

    def __init__(self, path: Path, line: int, expected: Text | str, got: Text | str) -> None:
        wanted, came = _text(expected), _text(got or NONE)
        super().__init__(f"{path.name}:{line}: expected {wanted.english}, got {came.english}")
        self.path, self.line, self.expected, self.got = path, line, wanted.english, came.english
        self.attendu, self.recu = wanted.french, came.french

    @property
    def french(self) -> str:
        """File, line, what was expected and what came, for who reads French."""
        where = f"{self.path.name}, ligne {self.line}" if self.line else self.path.name
        return f"{where} : attendu {self.attendu} ; reçu {self.recu}"


def _text(said: Text | str) -> Text:
    return said if isinstance(said, Text) else Text(said, said)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the values by column name, and the line of the file."""

    path: Path
    line: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def error(self, column: str, expected: Text | str) -> MatriceError:
        """The error of a value that is not what was expected."""
        wanted = _text(expected)
        named = Text(f"{column}: {wanted.english}", f"{column} : {wanted.french}")
        return MatriceError(self.path, self.line, named, self.values[column])

    def filled(self, column: str) -> str:
        """A value that may not be empty. Raises MatriceError."""
        if not self.values[column]:
            raise self.error(column, Text("a text", "un texte"))
        return self.values[column]

    def member(self, column: str, members: type[_Member]) -> _Member:
        """The value as a member of an enumeration. Raises MatriceError."""
        try:
            return members(self.values[column])
        except ValueError:
            raise self.error(column, ", ".join(str(member.value) for member in members)) from None


@dataclass(frozen=True, slots=True)
class HeaderLine:
    """The value of one `# key: value` line, and where it stands."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file read and cut into header and rows; what stands in them is not judged yet."""

    path: Path
    header: Mapping[str, tuple[HeaderLine, ...]]
    rows: tuple[Row, ...]

    @classmethod
    def read(cls, path: Path, columns: Sequence[str]) -> TableFile:
        """The table of a file that has exactly these columns, in any order, and a row. Raises MatriceError."""
        lines = _lines(path)
        size = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
        header: dict[str, tuple[HeaderLine, ...]] = {}
        for line, text in enumerate(lines[:size], 1):
            if match := _HEADER.match(text):
                header[match[1]] = (*header.get(match[1], ()), HeaderLine(line, match[2]))
        if size == len(lines):
            wanted = Text("a line that names the columns", "une ligne qui nomme les colonnes")
            raise MatriceError(path, size + 1, wanted, Text("the end of the file", "la fin du fichier"))
        names = _record(path, size + 1, lines[size])
        _same_columns(path, size + 1, names, columns)
        rows = tuple(_rows(path, size + 2, names, lines[size + 1 :]))
        if not rows:
            raise MatriceError(path, size + 2, Text("at least one row", "au moins une ligne de données"), NONE)
        return cls(path, header, rows)

    def text(self, key: str) -> str:
        """The header line of that key. Raises MatriceError when there is none, or a second one."""
        return self._said(key).text

    def line(self, key: str) -> int:
        """Where the header line of that key stands. Raises MatriceError as `text`."""
        return self._said(key).line

    def date(self) -> date:
        """The date in the header. Raises MatriceError."""
        said = self._said("date")
        day = read_day(said.text)
        if day is not None:
            return day
        expected = Text("date: YYYY-MM-DD, a day of the calendar", "date : AAAA-MM-JJ, un jour du calendrier")
        raise MatriceError(self.path, said.line, expected, said.text)

    def member(self, key: str, members: type[_Member]) -> _Member:
        """The header line of that key as a member of an enumeration. Raises MatriceError."""
        said = self._said(key)
        try:
            return members(said.text)
        except ValueError:
            listed = ", ".join(str(member.value) for member in members)
            raise MatriceError(self.path, said.line, Text(f"{key}: {listed}", f"{key} : {listed}"), said.text) from None

    def _said(self, key: str) -> HeaderLine:
        found = self.header.get(key, ())
        if not found:
            expected = Text(f"a header line '# {key}: ...'", f"une ligne d'en-tête « # {key}: ... »")
            raise MatriceError(self.path, 0, expected, NONE)
        if len(found) > 1:
            expected = Text(f"one header line '# {key}: ...'", f"une seule ligne d'en-tête « # {key}: ... »")
            first = found[0].line
            got = Text(f"a second one (the first: line {first})", f"une deuxième (la première : ligne {first})")
            raise MatriceError(self.path, found[1].line, expected, got)
        return found[0]


def read_day(text: str) -> date | None:
    """The day of the calendar that is written YYYY-MM-DD, and in no other form of ISO 8601; else None."""
    try:
        return date.fromisoformat(text) if _DATE.match(text) else None
    except ValueError:
        return None


def _lines(path: Path) -> list[str]:
    """The lines of a file that has the one form. Raises MatriceError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        expected = Text("a readable file", "un fichier lisible")
        raise MatriceError(path, 0, expected, error.strerror or type(error).__name__) from None
    if not content.strip():
        raise MatriceError(path, 1, Text("a table", "une table"), Text("an empty file", "un fichier vide"))
    if content.startswith(_BOM):
        expected = Text("UTF-8 without byte order mark", "de l'UTF-8 sans marque d'ordre (BOM)")
        raise MatriceError(path, 1, expected, Text("a byte order mark (EF BB BF)", "une marque d'ordre (EF BB BF)"))
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"{content[error.start]:02X}"
        expected = Text("UTF-8 text", "un texte en UTF-8")
        raise MatriceError(path, line, expected, Text(f"the byte {byte}", f"l'octet {byte}")) from None
    if (cut := text.find("\r")) >= 0:
        expected = Text("lines that end in LF", "des fins de ligne LF")
        ending = "CRLF" if text[cut : cut + 2] == "\r\n" else "CR"
        raise MatriceError(path, text.count("\n", 0, cut) + 1, expected, ending)
    return text.removesuffix("\n").split("\n")


def _same_columns(path: Path, line: int, names: list[str], columns: Sequence[str]) -> None:
    if len(names) == 1:
        for separator, (english, french) in _SEPARATORS.items():
            if separator in names[0]:
                expected = Text("cells separated by commas", "des cellules séparées par des virgules")
                raise MatriceError(path, line, expected, Text(f"{english}: {names[0]}", f"{french} : {names[0]}"))
    for name in names:
        if name not in columns:
            listed = ", ".join(columns)
            raise MatriceError(path, line, Text(f"columns among {listed}", f"des colonnes parmi {listed}"), name)
        if names.count(name) > 1:
            expected = Text("each column once", "chaque colonne une seule fois")
            raise MatriceError(path, line, expected, Text(f"{name} twice", f"{name} deux fois"))
    for column in columns:
        if column not in names:
            raise MatriceError(path, line, Text(f"the column {column}", f"la colonne {column}"), NONE)


def _rows(path: Path, first: int, names: list[str], lines: list[str]) -> Iterator[Row]:
    for line, text in enumerate(lines, first):
        values = _record(path, line, text)
        if len(values) != len(names):
            expected = Text(f"{len(names)} cells", f"{len(names)} cellules")
            raise MatriceError(path, line, expected, str(len(values)))
        yield Row(path, line, dict(zip(names, values, strict=True)))


def _record(path: Path, line: int, text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        expected = Text("one CSV record (RFC 4180) on the line", "un enregistrement CSV (RFC 4180) sur la ligne")
        raise MatriceError(path, line, expected, str(error)) from None
