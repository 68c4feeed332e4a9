"""Portable media and the French DMP: who is given what, and what is asked of what comes in."""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from xdm_commands import REFUSED, USAGE, changed, dmp, refusal, run

from audit.event import Call, Outcome
from dmp.errors import AccessRefused
from dmp.media_sets import Selection
from dmp.medias import EXPORT, Maker, Recipient, copy_media, export_media
from identities.requester import ModeAcces, PatientId
from ihe.xdm_read import read_media
from schemas import oids
from server.commands.names import requester_of
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.connectathon import new_oid
from tests.village import Village

MAKER = Maker("CHU", "contact", "1.2.3")
SUZANNE = PATIENTS[0]


def _letter(village: Village, folder: Path, *more: str) -> str:
    """A consultation report of the médecin about Suzanne, provided; its uniqueId."""
    file = write(Paper("consultation_report", "medecin", "medecin", 0, 0), folder, 1, datetime.now(UTC))
    who = ("--as", "medecin", "--patient", SUZANNE.ins, "--demo", village.folder)
    said = dmp("lps", "provide", file, *who, *more)
    return str(said["document_unique_id"])


def _given(village: Village, who: str) -> set[str]:
    """The uniqueIds on a medium of Suzanne's documents for one of the people."""
    with village.house() as house:
        requester = requester_of(house, None, who, mode=None, access=ModeAcces.NORMAL, motif="")
        call = Call(transaction=EXPORT, request_id=uuid.uuid4().hex)
        medium = export_media(house.gate, requester, call, _suzanne(), Selection(), MAKER)
    return {entry.unique_id for each in medium.submissions for entry in each.entries}


def _copied(village: Village, recipient: Recipient) -> set[str]:
    with village.house() as house:
        medium = copy_media(house.gate, "test", _suzanne(), Selection(), MAKER, recipient)
    return {entry.unique_id for each in medium.submissions for entry in each.entries}


def _suzanne() -> PatientId:
    return PatientId(SUZANNE.ins, oids.INS_NIR_TEST)


def test_a_professional_is_given_what_they_may_find_and_open(village: Village, tmp_path: Path) -> None:
    plain, masked = _letter(village, tmp_path), _letter(village, tmp_path, "--mask")
    assert {plain, masked} <= _given(village, "medecin-traitant")
    assert {plain, masked} <= _given(village, "medecin")
    infirmier = _given(village, "infirmier")
    assert plain in infirmier
    assert masked not in infirmier
    assert not {plain, masked} & _given(village, "podologue")
    event = next(record for record in village.audit(10) if plain in record.documents)
    assert (event.transaction, event.action) == ("ITI-32/export", "TD3.2")


def test_who_may_find_and_not_open_is_given_nothing(village: Village, tmp_path: Path) -> None:
    _letter(village, tmp_path)
    with pytest.raises(AccessRefused):
        _given(village, "medecin-du-travail")
    assert village.audit(1)[0].outcome is Outcome.MINOR_FAILURE


@pytest.mark.parametrize("more", [("--mode", "NOEUD_IHE"), ("--mode", "XUA"), ("--for", "exploitant")])
def test_attack_whoever_acts_for_a_professional_has_their_rights_only(
    village: Village, tmp_path: Path, more: tuple[str, ...]
) -> None:
    who = ("--home", village.settings.home, "--patient", SUZANNE.ins, "--as", "podologue", *more)
    assert "expected" in refusal("export", *who, "-o", tmp_path / "m.zip", code=USAGE)
    assert not (tmp_path / "m.zip").exists()


def test_a_copy_has_nothing_that_must_be_kept_from_whom_it_is_for(village: Village, tmp_path: Path) -> None:
    masked = _letter(village, tmp_path, "--mask")
    unannounced = _letter(village, tmp_path, "--hide-from-patient")
    secret = _letter(village, tmp_path, "--hide-from-representatives")
    everything = {masked, unannounced, secret}
    assert _copied(village, Recipient.PATIENT) & everything == {masked, secret}
    assert _copied(village, Recipient.REPRESENTANT) & everything == {masked}
    assert _copied(village, Recipient.EXPLOITANT) & everything == everything


def test_the_french_checks_hold_for_what_comes_from_a_medium(
    village: Village, new_village: Callable[..., Village], tmp_path: Path
) -> None:
    mine, signed = _letter(village, tmp_path, "--no-signature"), _letter(village, tmp_path)
    medium, other = tmp_path / "IHE_XDM.ZIP", new_village(strangers=True)
    into = ("--home", other.settings.home)
    who = ("--as", "medecin-traitant", "--apart")
    run("export", "--home", village.settings.home, "--patient", SUZANNE.ins, "-o", medium, *who)
    one = _only(medium, mine)
    assert "--as" in refusal("import", one, *into, code=USAGE)
    by_doctor = (*into, "--as", "medecin")
    disagreeing = changed(one, "IHE_XDM/SUBSET01/METADATA.XML", mine.encode(), new_oid().encode())
    assert "uniqueId" in refusal("import", disagreeing, *by_doctor, code=REFUSED)
    another = (*by_doctor, "--as-patient", PATIENTS[1].ins)
    assert "patient" in refusal("import", one, *another, code=REFUSED)
    # Signed under the other village's authority: a signature that comes is verified.
    assert "signing certificate" in refusal("import", _only(medium, signed), *by_doctor, code=REFUSED)
    assert _copied(other, Recipient.EXPLOITANT).isdisjoint({mine, signed})
    (imported,) = run("import", one, *by_doctor)["submission_sets"]
    assert [each["unique_id"] for each in imported["documents"]] == [mine]
    assert mine in _copied(other, Recipient.PATIENT)
    event = next(record for record in other.audit(5) if record.transaction == "ITI-32/import")
    assert (event.action, bool(event.operator), bool(event.requester_id)) == ("TD2.1", True, True)


def _only(medium: Path, unique_id: str) -> Path:
    """A medium with nothing but the submission set of that document."""
    with medium.open("rb") as file:
        directory = next(
            each.directory
            for each in read_media(file).subsets
            if unique_id in {entry.unique_id for entry in each.submission.entries}
        )
    alone = medium.with_name(f"{uuid.uuid4().hex}.zip")
    with zipfile.ZipFile(medium) as before, zipfile.ZipFile(alone, "w") as after:
        for name in before.namelist():
            if name.startswith(f"IHE_XDM/{directory}/"):
                after.writestr(name.replace(directory, "SUBSET01"), before.read(name))
    return alone
