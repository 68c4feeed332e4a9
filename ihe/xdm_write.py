"""An XDM medium written as a ZIP file, document by document: a dossier of gigabytes never sits in memory.

Source: ITI TF-2 3.32.4.1.2 (Portable Media Creator); DICOM PS3.12 Annex V (ZIP File Media).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO

from dmp.medias import Maker, Medium, Stored
from ihe.ebrim import write_objects
from ihe.identifiers import LCM, RIM
from ihe.xdm import INDEX, MAX_DOCUMENTS, MAX_SUBSETS, METADATA, README, ROOT, MediaError, document_name, subset_name
from ihe.xdm_pages import Listed, write_index, write_readme
from registry.metadata import RegistryObject, Submission

_ZIP64_FROM_BYTES = 2**31 - 1  # APPNOTE §4.3.14
_PRIVATE_FILE = 0o100600 << 16  # APPNOTE §4.4.15: a regular file, its owner's
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # APPNOTE §4.4.6: MS-DOS time


@dataclass(frozen=True, slots=True)
class _Placed:
    """A submission in its directory, its entries with URI."""

    directory: str
    submission: Submission


def write_media(file: IO[bytes], medium: Medium, maker: Maker, software: str, made: datetime) -> None:
    """Writes `medium` as a ZIP to `file`, which need not be seekable.

    Raises MediaError when it is more than file names can number, and what reading a document raises.
    """
    placed = _placed(medium)
    listed = [
        Listed(f"{ROOT}/{each.directory}/{entry.uri}", each.directory, entry)
        for each in placed
        for entry in each.submission.entries
    ]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_info(INDEX, made), write_index(medium, listed, maker, made))
        archive.writestr(_info(README, made), write_readme(maker, software))
        for each in placed:
            here = f"{ROOT}/{each.directory}"
            archive.writestr(_info(f"{here}/{METADATA}", made), write_metadata(each.submission))
            for entry in each.submission.entries:
                _write(archive, _info(f"{here}/{entry.uri}", made), medium.documents[entry.entry_uuid])


def write_metadata(submission: Submission) -> bytes:
    """METADATA.XML. Source: ITI TF-3 4.3.1.5."""
    objects: tuple[RegistryObject, ...] = (
        submission.submission_set,
        *submission.entries,
        *submission.folders,
        *submission.associations,
    )
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        + f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}"><rim:RegistryObjectList>'.encode()
        + write_objects(objects)
        + b"</rim:RegistryObjectList></lcm:SubmitObjectsRequest>\n"
    )


def _placed(medium: Medium) -> list[_Placed]:
    count, most = len(medium.submissions), max((len(each.entries) for each in medium.submissions), default=0)
    if count > MAX_SUBSETS or most > MAX_DOCUMENTS:
        expected = f"at most {MAX_SUBSETS} submission sets of at most {MAX_DOCUMENTS} documents"
        raise MediaError(expected, f"{count} of at most {most}")
    return [
        _Placed(subset_name(number, count), _with_files(submission))
        for number, submission in enumerate(medium.submissions, start=1)
    ]


def _with_files(submission: Submission) -> Submission:
    """`submission` with the file of each entry. Source: ITI TF-2 3.32.4.1.2.2 (URI)."""
    entries = tuple(
        replace(entry, uri=document_name(number, entry.mime_type))
        for number, entry in enumerate(submission.entries, start=1)
    )
    return replace(submission, entries=entries)


def _info(name: str, made: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, max(made.timetuple()[:6], _EARLIEST))
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, _PRIVATE_FILE
    return info


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, document: Stored) -> None:
    with archive.open(info, "w", force_zip64=document.size > _ZIP64_FROM_BYTES) as stream:
        for chunk in document.chunks():
            stream.write(chunk)
