"""Signed notes and heads: the published example, what is written is read, and nothing else is."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.heads import TreeHead, read_head, read_head_text
from audit.merkle import EMPTY_ROOT
from audit.notes import NoteError, Signer, Verifier, notes_in

SIGNER = Signer.make("dmp.example/audit")
HEAD = TreeHead(SIGNER.name, 20852163, EMPTY_ROOT, 17, "2026-11-29T02:09:41.000000Z")

# Source: C2SP signed-note v1.0.0, Example
KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E"
    "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_the_published_example() -> None:
    verifier = Verifier.read(KEY)
    assert str(verifier) == KEY
    assert verifier.open(NOTE) == "This is an example message.\n"


def test_a_head_is_four_lines_that_can_be_printed() -> None:
    note = HEAD.note(SIGNER)
    text, signature = note.split("\n\n")
    assert text.split("\n") == [
        "dmp.example/audit",
        "20852163",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "head 17 2026-11-29T02:09:41.000000Z",
    ]
    assert signature.startswith("\u2014 dmp.example/audit ")
    assert read_head(note, SIGNER.verifier) == HEAD


def test_keys_are_read_back() -> None:
    assert Signer.read(SIGNER.written) == SIGNER
    assert Verifier.read(str(SIGNER.verifier)) == SIGNER.verifier


@given(st.data())
def test_no_changed_note_is_believed(data: st.DataObject) -> None:
    note = HEAD.note(SIGNER)
    place = data.draw(st.integers(0, len(note) - 1))
    changed = note[:place] + data.draw(st.sampled_from("0A+=\n \u2014")) + note[place + 1 :]
    try:
        assert read_head(changed, SIGNER.verifier) == HEAD
        assert base64.b64decode(changed.split(" ")[-1]) == base64.b64decode(note.split(" ")[-1])
    except NoteError:
        pass


def test_the_signature_of_another_key_counts_for_nothing() -> None:
    with pytest.raises(NoteError, match="there is none"):
        read_head(HEAD.note(Signer.make(SIGNER.name)), SIGNER.verifier)
    other = Signer.make("other.example/audit")
    both = HEAD.note(SIGNER) + other.sign(HEAD.text()).split("\n\n")[1]
    assert read_head(both, other.verifier) == read_head(both, SIGNER.verifier) == HEAD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        HEAD.text().replace("20852163", "020852163"),
        HEAD.text().replace("head 17", "head 0"),
        HEAD.text().replace("47DEQ", "47DE"),
        HEAD.text() + "more\n",
    ],
)
def test_a_text_that_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        read_head_text(text)


@pytest.mark.parametrize("key", ["", "a+b", "a+00000000+AAAA", KEY.replace("530d", "530e"), KEY[:-4]])
def test_a_text_that_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(NoteError):
        Verifier.read(key)
    with pytest.raises(NoteError):
        Signer.read(f"PRIVATE+KEY+{key}")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_notes_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(NoteError):
        Signer.make(name)


def test_notes_of_a_file_are_found_around_one_that_was_torn() -> None:
    notes = [TreeHead(SIGNER.name, size, EMPTY_ROOT, size, "now").note(SIGNER) for size in (1, 2, 3)]
    text = f"{notes[0]}\n{notes[1][:40]}\n\n{notes[1]}\n{notes[2]}"
    assert list(notes_in(text)) == notes
    assert list(notes_in("")) == []
