"""An installed package: its files, found by a path that may differ in case, and what each of them is.

The packages are made and tested where the case of a file name does not matter: an include of `E_directiveAnticipee`
means `E_directiveanticipee`. Copies of them have an underscore for the space in some names. A name that leads nowhere
from where it stands is looked for in the whole package: value sets are named from folders that differ between the tool
of ANS and its repository.

Source: ansforge/TestContenuCDA (folders schematrons, jeuxDeValeurs, infrastructure/cda).
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

KINDS = frozenset({".xsd", ".sch", ".xml"})
_MODEL = re.compile(r"CI-SIS_(.+)_([0-9]{4}\.[0-9]{2})\.sch")


class PackageError(ValueError):
    """A package that cannot be used; the text says in French what was expected and what came."""


@dataclass(frozen=True)
class Package:
    """The files of one package, below `folder`."""

    folder: Path

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Each file by its path from `folder`, as `_key` has it."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file() and path.suffix.lower() in KINDS)
        return {_key(path.relative_to(self.folder).as_posix()): path for path in found}

    @cached_property
    def named(self) -> Mapping[str, Path]:
        """Each file by its name alone, as `_key` has it; of two, the one that stands higher."""
        ordered = sorted(self.files.values(), key=lambda path: (-len(path.parts), path))
        return {_key(path.name): path for path in ordered}

    @cached_property
    def digest(self) -> str:
        """What all the files hold, as one SHA-256."""
        whole = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return whole.hexdigest()

    def find(self, path: str, start: Path | None = None) -> Path | None:
        """The file that `path` means in the folder `start`, whatever its case; else the file of that name."""
        if start is not None:
            here = start.relative_to(self.folder).as_posix()
            found = self.files.get(_key(posixpath.normpath(posixpath.join(here, path))))
            if found is not None:
                return found
        return self.named.get(_key(posixpath.basename(path)))

    @property
    def schema(self) -> Path | None:
        """The XSD of a whole document."""
        return self.named.get("cda_extended.xsd") or self.named.get("cda.xsd")

    @property
    def minimal(self) -> Path | None:
        """The Schematron of structuration minimale, which every document obeys."""
        return self.named.get("asip-struct-min-strucmin.sch")

    @property
    def profiles(self) -> tuple[Path, ...]:
        """The Schematrons of sections and entries, which every structured document obeys."""
        names = ("ihe.sch", "ci-sis_modelesdecontenuscda.sch", "ci-sis_modeles_ans.sch")
        return tuple(path for name in names if (path := self.named.get(name)) is not None)

    @property
    def schematrons(self) -> tuple[Path, ...]:
        """Every Schematron that a document may have to obey."""
        models = sorted(path for path in self.named.values() if _MODEL.fullmatch(path.name))
        return tuple(path for path in (self.minimal, *self.profiles, *models) if path is not None)

    @property
    def value_sets(self) -> int:
        """How many value sets there are."""
        return sum(1 for path in self.named.values() if path.suffix.lower() == ".xml")

    def model(self, name: str, version: str) -> Path | None:
        """The Schematron of a model: of that version, else of the first one where none is said, else of the last."""
        found = {}
        for path in self.named.values():
            parsed = _MODEL.fullmatch(path.name)
            if parsed is not None and parsed[1].lower() == name.lower():
                found[parsed[2]] = path
        if version in found:
            return found[version]
        if not found:
            return None
        return found[max(found) if version else min(found)]


def _key(name: str) -> str:
    """A path without regard to case, and to how words are parted."""
    return re.sub(r"[\s_]+", "_", name.lower())
