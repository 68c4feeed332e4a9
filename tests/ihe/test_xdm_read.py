"""Portable media read: what the standard lets stand on them, and what strangers put there to hurt."""

from __future__ import annotations

import io
import re
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdm_media import HELLO, PATIENT, medium, metadata, metadata_of, on_media, zipped

from ihe.xdm import MediaError
from ihe.xdm_read import Limits, Media, read_media
from registry.errors import RegistryError
from registry.metadata import ObjectType
from tests.connectathon import document, submission

DEFAULT = Limits()


def contents(media: Media) -> list[bytes]:
    return [
        b"".join(media.chunks(subset.files[entry.entry_uuid]))
        for subset in media.subsets
        for entry in subset.submission.entries
    ]


def refused(file: io.BytesIO, limits: Limits = DEFAULT) -> str:
    with pytest.raises(MediaError) as caught:
        read_media(file, limits)
    return str(caught.value)


def faults(file: io.BytesIO, limits: Limits = DEFAULT) -> dict[str, str]:
    """Code and context of each fault."""
    with pytest.raises(RegistryError) as caught:
        read_media(file, limits)
    return {found.code.value: found.context for found in caught.value.findings}


# --- ITI TF-2 3.32.4.1.2: what a medium is ----------------------------------------------------------------------------


def test_each_directory_with_metadata_is_a_submission_set() -> None:
    other = metadata(on_media(uri="DOC00001.XML", content=b"<a/>"))
    more = [("IHE_XDM/SUBSET02/METADATA.XML", other), ("IHE_XDM/SUBSET02/DOC00001.XML", b"<a/>")]
    media = read_media(medium(*more))
    assert [subset.directory for subset in media.subsets] == ["SUBSET01", "SUBSET02"]
    assert contents(media) == [HELLO, b"<a/>"]
    assert media.mismatches() == ()


def test_other_files_and_directories_are_ignored() -> None:
    media = read_media(medium(("DICOMDIR", b"x"), ("IHE_XDM/NOTES/A.TXT", b"x"), ("__MACOSX/IHE_XDM/S/._M", b"x")))
    assert [subset.directory for subset in media.subsets] == ["SUBSET01"]
    assert media.ignored == ("NOTES",)


@pytest.mark.parametrize("uri", ["doc00001.txt", "./DOC00001.TXT", "../SUBSET01/DOC00001.TXT", "DOC00001%2ETXT"])
def test_a_uri_is_relative_to_the_metadata_and_has_no_case(uri: str) -> None:
    assert contents(read_media(medium(xml=metadata(on_media(uri=uri))))) == [HELLO]


def test_a_uri_may_lead_out_of_the_directory_into_the_medium() -> None:
    xml = metadata(on_media(uri="../../PDI/LETTER.TXT"))
    assert contents(read_media(medium(("PDI/LETTER.TXT", HELLO), xml=xml))) == [HELLO]


def test_a_percent_sign_in_a_name_is_one() -> None:
    xml = metadata(on_media(uri="100%41.TXT"))
    assert contents(read_media(medium(("IHE_XDM/SUBSET01/100%41.TXT", HELLO), xml=xml, content=b"other"))) == [HELLO]


def test_names_written_with_backslashes_are_paths() -> None:
    names = ["IHE_XDM\\SUBSET01\\METADATA.XML", "IHE_XDM\\SUBSET01\\DOC00001.TXT"]
    infos = [zipfile.ZipInfo(name) for name in names]
    assert contents(read_media(zipped(zip(infos, (metadata(), HELLO), strict=True)))) == [HELLO]


def test_a_uri_means_nothing_beyond_its_medium() -> None:
    (subset,) = read_media(medium()).subsets
    assert [entry.uri for entry in subset.submission.entries] == [""]


# --- ITI TF-2 3.32.4.1.4: integrity -----------------------------------------------------------------------------------


def test_a_document_that_is_not_the_one_described_is_told_with_both_hashes() -> None:
    (hash_, size) = read_media(medium(content=b"hello!")).mismatches()
    assert {hash_.code.value, size.code.value} == {"XDSRepositoryMetadataError"}
    assert "expected 8f7d88e901a5ad3a05d8cc0de93313fd76028f8c, got aaf4c61ddcc5" in hash_.context
    assert size.context.endswith("expected 6, got 5")


def test_a_hash_may_be_in_capitals() -> None:
    xml = metadata(on_media(hash=on_media().hash.upper()))
    assert read_media(medium(xml=xml)).mismatches() == ()


@pytest.mark.parametrize("absent", [{"hash": ""}, {"size": None}])
def test_what_a_medium_is_verified_by_is_required(absent: dict[str, None]) -> None:
    assert "got none" in faults(medium(xml=metadata(on_media(**absent))))["XDSRepositoryMetadataError"]


def test_a_document_that_the_medium_damaged_is_not_read() -> None:
    whole = medium(content=bytes(range(256)) * 64).getvalue()
    place = whole.index(b"DOC00001.TXT") + 60
    media = read_media(io.BytesIO(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]))
    with pytest.raises(MediaError, match="as the ZIP lists it"):
        media.mismatches()


# --- Metadata ---------------------------------------------------------------------------------------------------------


def test_no_metadata_no_medium() -> None:
    assert "IHE_XDM/SUBSET/METADATA.XML" in refused(zipped([("IHE_XDM/SUBSET01/DOC00001.TXT", HELLO)]))
    assert "no IHE_XDM" in refused(zipped([("OTHER/IHE_XDM/SUBSET01/METADATA.XML", metadata())]))


@pytest.mark.parametrize(
    ("uri", "got"),
    [
        ("", "none"),
        ("DOC00002.TXT", "which is none"),
        ("../../../etc/passwd", "leads out"),
        ("%2E%2E/%2E%2E/%2E%2E/etc/passwd", "leads out"),
        ("..\\..\\..\\secret", "leads out"),
        ("/etc/passwd", "absolute"),
        ("//host/share", "absolute"),
        ("file:///etc/passwd", "absolute"),
        ("C:\\secret", "absolute"),
        ("http://example.org/a.xml", "absolute"),
    ],
)
def test_a_uri_that_points_to_no_file_of_the_medium(uri: str, got: str) -> None:
    assert got in faults(medium(xml=metadata(on_media(uri=uri))))["XDSMissingDocument"]


def test_one_submission_set_for_each_directory() -> None:
    two = submission(on_media())
    xml = metadata_of(two).replace(b"</rim:RegistryObjectList>", _registry_package(two) + b"</rim:RegistryObjectList>")
    assert "expected exactly one in a submission, got 2" in faults(medium(xml=xml))["XDSRegistryMetadataError"]


def _registry_package(submitted: object) -> bytes:
    written = metadata_of(
        submission(
            document(PATIENT, "Other"),
        )
    )
    package = re.search(rb"<rim:RegistryPackage.*?</rim:RegistryPackage>", written, re.DOTALL)
    assert package is not None and submitted
    return package[0].replace(b"SubmissionSet01", b"SubmissionSet02")


@pytest.mark.parametrize(
    "xml",
    [
        b"\xff\xfe\xff not text",
        metadata().replace(b"A document", b"\xe9t\xe9"),
        b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        b"<a/>",
        b"",
    ],
)
def test_metadata_that_are_no_request_are_told_with_their_place(xml: bytes) -> None:
    assert "SUBSET01" in faults(medium(xml=xml))["XDSRegistryMetadataError"] or xml == b"<a/>"


def test_an_on_demand_document_is_no_document() -> None:
    xml = metadata(on_media(object_type=ObjectType.ON_DEMAND))
    assert "on-demand" in faults(medium(xml=xml))["XDSRegistryMetadataError"]


def test_every_fault_of_every_directory_is_told_at_once() -> None:
    more = ("IHE_XDM/SUBSET02/METADATA.XML", metadata(on_media(hash="")))
    with pytest.raises(RegistryError) as caught:
        read_media(medium(more, xml=metadata(on_media(uri="GONE.TXT"))))
    told = [found.context.partition(":")[0] for found in caught.value.findings]
    assert set(told) == {"SUBSET01", "SUBSET02"}


# --- Attacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("../outside.txt", "`..`"),
        ("IHE_XDM/SUBSET01/../../../x", "`..`"),
        ("IHE_XDM\\..\\..\\x", "`..`"),
        ("/etc/passwd", "absolute"),
        ("\\\\host\\share", "absolute"),
        ("C:/Windows/x", "absolute"),
    ],
)
def test_attack_path_traversal(name: str, got: str) -> None:
    assert got in refused(medium((zipfile.ZipInfo(name), b"x")))


def test_attack_symbolic_link() -> None:
    link = zipfile.ZipInfo("IHE_XDM/SUBSET01/LINK")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "a link" in refused(medium((link, b"/etc/passwd")))
    outside = zipfile.ZipInfo("LINK.TXT")
    outside.external_attr = link.external_attr
    assert "a link" in refused(medium((outside, HELLO), xml=metadata(on_media(uri="../../LINK.TXT"))))


@pytest.mark.parametrize("name", ["IHE_XDM/SUBSET01/DOC00001.TXT", "ihe_xdm/subset01/doc00001.txt"])
def test_attack_two_files_of_one_name(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns who writes such a thing
        file = medium((name, b"evil!"))
    assert "another one" in refused(file)


def test_attack_two_files_of_one_name_elsewhere_are_none() -> None:
    xml = metadata(on_media(uri="../../A.TXT"))
    assert "which is none" in faults(medium(("A.TXT", HELLO), ("a.txt", b"evil!"), xml=xml))["XDSMissingDocument"]


def test_attack_a_file_that_is_a_directory_too() -> None:
    assert "both" in refused(medium(("IHE_XDM/SUBSET01/DOC00001.TXT/X", b"x")))


def test_attack_encrypted() -> None:
    file = medium().getvalue()
    name = b"IHE_XDM/SUBSET01/DOC00001.TXT"
    central = file.rindex(name) - 46  # APPNOTE §4.3.12
    patched = file[: central + 8] + struct.pack("<H", 1) + file[central + 10 :]
    assert "encrypted" in refused(io.BytesIO(patched))


def test_attack_a_method_that_no_medium_uses() -> None:
    info = zipfile.ZipInfo("IHE_XDM/SUBSET01/DOC00001.TXT")
    info.compress_type = zipfile.ZIP_LZMA
    assert "compression method 14" in refused(zipped([("IHE_XDM/SUBSET01/METADATA.XML", metadata()), (info, HELLO)]))


def test_attack_zip_bomb_by_ratio() -> None:
    bomb = bytes(8 * 1024 * 1024)
    assert "200 times" in refused(medium(xml=metadata(on_media(content=bomb)), content=bomb))


def test_attack_zip_bomb_by_size() -> None:
    small = Limits(document_bytes=100)
    assert "at most 100 bytes" in refused(medium(xml=metadata(on_media(content=bytes(101))), content=bytes(101)), small)


def test_attack_zip_bomb_in_the_metadata() -> None:
    assert "at most 1000 bytes" in refused(medium(xml=metadata() + b" " * 4096), Limits(metadata_bytes=1000))


def test_attack_one_file_named_by_many_entries() -> None:
    entries = [on_media(f"Document{number}") for number in range(30)]
    assert "at most 100 bytes of documents, got 150" in refused(medium(xml=metadata(*entries)), Limits(total_bytes=100))


def test_attack_many_files() -> None:
    many = [(f"X/{number}", b"") for number in range(50)]
    assert "at most 20 files" in refused(medium(*many), Limits(files=20))


def test_attack_a_list_of_files_that_would_fill_the_memory() -> None:
    many = [(f"X/{'long' * 50}{number}", b"") for number in range(3000)]
    assert "a list of files" in refused(medium(*many), Limits(directory_bytes=64 * 1024))


def test_attack_a_bomb_among_ignored_files_does_not_matter() -> None:
    assert contents(
        read_media(
            medium(("MOVIE.AVI", bytes(4 * 1024 * 1024))),
        )
    ) == [HELLO]


@given(st.binary(max_size=300))
def test_whatever_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(MediaError):
        read_media(io.BytesIO(data))


INTACT = medium().getvalue()


@given(st.data())
def test_a_medium_cut_or_changed_anywhere_is_refused_or_read_as_it_was(data: st.DataObject) -> None:
    whole = bytearray(INTACT)
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        media = read_media(io.BytesIO(bytes(whole[: cut or None])))
        assert all(content == HELLO for content in contents(media)) or media.mismatches()
    except (MediaError, RegistryError):
        pass


# --- Real media -------------------------------------------------------------------------------------------------------


@pytest.mark.reference
@pytest.mark.parametrize(("name", "titles"), [("MIE", ["Doctor Note"]), ("xdm", ["Physical"]), ("xdm_minimal", [""])])
def test_real_media_are_read(reference: Path, name: str, titles: list[str]) -> None:
    with (reference / "ihe" / "samples" / "xdm" / f"{name}.zip").open("rb") as file:
        media = read_media(file)
        assert [entry.title for subset in media.subsets for entry in subset.submission.entries] == titles
        assert media.mismatches() == ()


@pytest.mark.reference
def test_a_real_medium_without_submission_set_is_refused_with_the_reason(reference: Path) -> None:
    with (reference / "ihe" / "samples" / "xdm" / "Siemens.zip").open("rb") as file:
        assert "got no IHE_XDM" in refused(io.BytesIO(file.read()))
