"""Registering a package: its files of known kinds, copied below the home from a folder or a ZIP file.

Source: APPNOTE.TXT 4.4.17 (file names in ZIP files); what comes from outside is bounded in number, size and place.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from cda.official.package import KINDS, Package, PackageError

MAX_FILES = 20_000
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_BYTES = 512 * 1024 * 1024
_OWN = "package"  # below the folder of schemas


def installed(folder: Path) -> Package | None:
    """The package registered below the folder of schemas of a home."""
    return Package(folder / _OWN) if (folder / _OWN).is_dir() else None


def install(source: Path, folder: Path) -> Package:
    """Registers the package of a folder or ZIP file in the place of the one before it. Raises PackageError, OSError.

    The new package takes the place of the old one only once it is whole.
    """
    target, staged = folder / _OWN, folder / f"{_OWN}.new"
    shutil.rmtree(staged, ignore_errors=True)
    try:
        for name, data in _files(source):
            path = staged / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if not staged.is_dir():
            raise PackageError(f"{source} : attendu des fichiers .xsd, .sch ou .xml, il n'y en a pas")
        _check(Package(staged), source)
        old = folder / f"{_OWN}.old"
        shutil.rmtree(old, ignore_errors=True)
        if target.is_dir():
            target.replace(old)
        staged.replace(target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Package(target)


def _check(package: Package, source: Path) -> None:
    if package.schema is None and package.minimal is None and not package.profiles:
        raise PackageError(
            f"{source} : attendu le XSD CDA_extended.xsd ou les schématrons du CI-SIS, il n'y en a pas parmi "
            f"{len(package.files)} fichiers"
        )


def _files(source: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Each file of a known kind, by its path in the source."""
    found = _of_folder(source) if source.is_dir() else _of_zip(source)
    size = 0
    for number, (name, data) in enumerate(found, 1):
        size += len(data)
        if number > MAX_FILES or size > MAX_BYTES:
            raise PackageError(f"{source} : attendu au plus {MAX_FILES} fichiers et {MAX_BYTES} octets")
        yield name, data


def _of_folder(source: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() in KINDS and path.is_file() and not path.is_symlink():
            if path.stat().st_size > MAX_FILE_BYTES:
                raise PackageError(f"{path} : attendu au plus {MAX_FILE_BYTES} octets")
            yield PurePosixPath(path.relative_to(source).as_posix()), path.read_bytes()


def _of_zip(source: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    try:
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                name = PurePosixPath(entry.filename.replace("\\", "/"))
                if entry.is_dir() or name.suffix.lower() not in KINDS:
                    continue
                if name.is_absolute() or ".." in name.parts or ":" in entry.filename:
                    raise PackageError(f"{source} : attendu des chemins à l'intérieur du paquet")
                with archive.open(entry) as file:
                    data = file.read(MAX_FILE_BYTES + 1)
                if len(data) > MAX_FILE_BYTES:
                    raise PackageError(f"{source} : attendu au plus {MAX_FILE_BYTES} octets par fichier")
                yield name, data
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise PackageError(f"{source} : attendu un dossier ou un fichier ZIP lisible ; {error}") from None
