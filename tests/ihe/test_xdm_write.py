"""Portable media written: what the standard asks of each file, whatever the metadata say, and in constant memory."""

from __future__ import annotations

import hashlib
import io
import re
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ihe_metadata import document_entries
from lxml import etree

from dmp.media_sets import LeftOut, Reason
from dmp.medias import Maker, Medium, Stored
from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import PatientId
from ihe.xdm import MediaError, document_name, extension, subset_name
from ihe.xdm_read import read_media
from ihe.xdm_write import write_media
from registry.metadata import DocumentEntry, ObjectType, Submission
from tests.connectathon import document, new_patient, submission

MADE = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAKER = Maker("Centre hospitalier <de> test", "01 23 45 67 89", "1.2.3.4")
SOFTWARE = "open-dmp 1.0"
LEVEL_1 = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?\Z")  # ISO 9660 §7.5, level 1
XHTML = "{http://www.w3.org/1999/xhtml}"
PATIENT = new_patient()


def dossier(family: str = "ESSAI", given: str = "Anne") -> Dossier:
    traits = Traits(family, given, date(1979, 3, 28), "F")
    return Dossier("d1", (PatientId("X", "1.2.3"),), traits, DossierStatus.OPEN, MADE)


def stored(content: bytes) -> Stored:
    return Stored(len(content), hashlib.sha1(content, usedforsecurity=False).hexdigest(), lambda: iter([content]))


def a_medium(*submissions: Submission, content: bytes = b"hello", **changes: object) -> Medium:
    documents = {entry.entry_uuid: stored(content) for each in submissions for entry in each.entries}
    return replace(Medium(dossier(), submissions, documents, ()), **changes)  # type: ignore[arg-type]


def written(medium: Medium) -> zipfile.ZipFile:
    file = io.BytesIO()
    write_media(file, medium, MAKER, SOFTWARE, MADE)
    return zipfile.ZipFile(file)


def index(medium: Medium) -> etree._Element:
    return etree.fromstring(written(medium).read("INDEX.HTM"))


# --- ITI TF-2 3.32.4.1.2.1 and .2: names and organisation -------------------------------------------------------------


def test_the_root_has_an_index_a_readme_and_one_directory() -> None:
    names = written(a_medium(submission(document(PATIENT, mime_type="text/xml")))).namelist()
    in_subset = ["IHE_XDM/SUBSET01/METADATA.XML", "IHE_XDM/SUBSET01/DOC00001.XML"]
    assert names == ["INDEX.HTM", "README.TXT", *in_subset]


def test_each_submission_set_has_its_directory() -> None:
    sets = [submission(document(PATIENT, f"Document{number}")) for number in range(3)]
    names = written(a_medium(*sets)).namelist()
    assert [name for name in names if name.endswith("METADATA.XML")] == [
        f"IHE_XDM/SUBSET0{number}/METADATA.XML" for number in (1, 2, 3)
    ]


@given(st.integers(1, 99_999), st.integers(1, 99_999), st.text(max_size=60))
def test_every_name_is_of_level_1(number: int, count: int, mime_type: str) -> None:
    assert LEVEL_1.match(document_name(number, mime_type))
    assert LEVEL_1.match(subset_name(min(number, count), count))


@pytest.mark.parametrize(
    ("mime_type", "expected"),
    [
        ("text/xml", "XML"),
        ("application/pdf", "PDF"),
        ("text/plain; charset=UTF-8", "TXT"),
        ("application/xslt+xml", "XML"),
        ("IMAGE/JPEG", "JPG"),
        ("application/x-msdownload", "BIN"),
        ("", "BIN"),
    ],
)
def test_extensions_are_those_of_media_types(mime_type: str, expected: str) -> None:
    assert extension(mime_type) == expected


def test_more_than_names_can_number_is_refused() -> None:
    many = replace(submission(document(PATIENT)), entries=(document(PATIENT),) * 100_000)
    with pytest.raises(MediaError, match="100000"):
        written(a_medium(many))


# --- METADATA.XML -----------------------------------------------------------------------------------------------------


@given(st.lists(document_entries, min_size=1, max_size=3, unique_by=lambda entry: entry.entry_uuid), st.binary())
def test_what_is_written_is_read(entries: list[DocumentEntry], content: bytes) -> None:
    described = [
        replace(
            entry,
            hash=stored(content).sha1,
            size=len(content),
            object_type=ObjectType.STABLE,
            entry_uuid=entry.entry_uuid.replace("Sub", "D"),
        )
        for entry in entries
    ]
    submitted = submission(*described, patient=PATIENT)
    file = io.BytesIO()
    write_media(file, a_medium(submitted, content=content), MAKER, SOFTWARE, MADE)
    media = read_media(file)
    (subset,) = media.subsets
    assert [replace(entry, uri="") for entry in submitted.entries] == list(subset.submission.entries)
    assert [(each.source, each.target) for each in submitted.associations] == [
        (each.source, each.target) for each in subset.submission.associations
    ]
    assert media.mismatches() == ()


# --- INDEX.HTM --------------------------------------------------------------------------------------------------------


def test_the_index_links_each_document_the_readme_and_nothing_else() -> None:
    sets = [submission(document(PATIENT, f"Document{number}")) for number in range(2)]
    medium = a_medium(*sets)
    links = [link.get("href") for link in index(medium).iter(f"{XHTML}a")]
    assert links == ["README.TXT", "IHE_XDM/SUBSET01/DOC00001.TXT", "IHE_XDM/SUBSET02/DOC00001.TXT"]
    assert set(links) < set(written(medium).namelist())


def test_the_index_says_whose_documents_and_who_made_it() -> None:
    said = "".join(index(a_medium(submission(document(PATIENT)))).itertext())
    for expected in ("ESSAI Anne", "28/03/1979", "X^^^&1.2.3&ISO", MAKER.institution, "01/03/2026", "A document"):
        assert expected in said


def test_the_index_tells_what_is_not_on_the_medium() -> None:
    left = LeftOut(document(PATIENT, title="Radio"), Reason.ELSEWHERE)
    medium = a_medium(submission(document(PATIENT)), left_out=(left,))
    assert "Radio : conservé dans un autre entrepôt" in "".join(index(medium).itertext())


HOSTILE = "<script>alert(1)</script>\" onclick='x' &amp; ]]> \x00\x1b é"


@pytest.mark.parametrize("attribute", ["title", "comments", "mime_type"])
def test_attack_markup_in_metadata_is_text(attribute: str) -> None:
    hostile = a_medium(submission(document(PATIENT, **{attribute: HOSTILE})), dossier=dossier(family=HOSTILE))
    page = index(hostile)
    assert page.find(f".//{XHTML}script") is None
    allowed = {"href", "http-equiv", "content", "{http://www.w3.org/XML/1998/namespace}lang"}
    assert {name for element in page.iter() for name in element.attrib} <= allowed
    assert "<script>alert(1)</script>" in "".join(page.itertext())


# --- README.TXT -------------------------------------------------------------------------------------------------------


def test_the_readme_says_who_and_with_what_and_nothing_of_the_patient() -> None:
    content = written(a_medium(submission(document(PATIENT)))).read("README.TXT")
    said = content.decode("utf-8-sig")
    for expected in (MAKER.institution, MAKER.contact, SOFTWARE, "METADATA.XML"):
        assert expected in said
    assert "ESSAI" not in said
    assert b"\n" not in content.replace(b"\r\n", b"")


# --- Memory -----------------------------------------------------------------------------------------------------------


class Pipe(io.RawIOBase):
    """A place that cannot be sought in, and keeps nothing."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        length = memoryview(data).nbytes  # type: ignore[arg-type]
        self.size += length
        return length


def test_a_large_document_never_sits_in_memory() -> None:
    piece, count = bytes(range(256)) * 1024, 256  # 64 MB

    def chunks() -> Iterator[bytes]:
        return (piece for _ in range(count))

    submitted = submission(document(PATIENT))
    medium = Medium(dossier(), (submitted,), {"Document01": Stored(len(piece) * count, "", chunks)}, ())
    pipe = Pipe()
    tracemalloc.start()
    write_media(pipe, medium, MAKER, SOFTWARE, MADE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pipe.size > 0
    assert peak < 4 * 1024 * 1024
