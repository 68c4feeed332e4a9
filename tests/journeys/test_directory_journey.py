"""What the directory says decides at the door: ended activities, inactive and unknown structures, other professions.

The extractions are brought in by `dmp directory import` while the server runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.lps.client import Lps
from conformance.lps.soap import LpsError
from server.cli import build
from server.demo.people import CABINET_DES_LILAS, CABINET_DU_PARC, CLINIQUE, HOPITAL, PATIENTS, inhabitant
from tests import annuaire
from tests.annuaire import activity
from tests.village import Village

DENIED = "DMPAccessDeniedByRightsService"
UNKNOWN = f"{DENIED}.*Structure introuvable ou Inactive"
NOT_LINKED = f"{DENIED}.*PS et Structure non liés"
DOCTOR, OTHER, EMPLOYED = inhabitant("medecin"), inhabitant("medecin-traitant"), inhabitant("medecin-clinique")


@pytest.fixture(scope="module")
def town(new_village: Callable[[], Village]) -> Iterator[Village]:
    """A village whose directory the tests change."""
    settled = new_village()
    settled.start()
    yield settled
    settled.stop()


@pytest.fixture
def import_(town: Village, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Brings a full extraction of these lines in; afterwards the operator tells his people again."""

    def bring(*lines: str, skills: tuple[str, ...] | None = None, options: tuple[str, ...] = ()) -> None:
        extraction = str(annuaire.folder(tmp_path / "extraction", lines, skills))
        arguments = ["directory", "import", extraction, "--home", str(town.folder / "home"), *options]
        done = CliRunner().invoke(build(), arguments, env={"DMP_HOME": None})
        assert done.exit_code == 0, done.output

    yield bring
    people = town.folder / "people.json"
    restored = ["directory", "import", str(people), "--home", str(town.folder / "home")]
    assert CliRunner().invoke(build(), restored, env={"DMP_HOME": None}).exit_code == 0


def practising(who: str, structure: str, *, savoir_faire: str = "SM26", profession: str = "10") -> str:
    place = {"finess" if structure[0] == "1" else "siret": structure[1:]}
    return activity(who, **place, Code_profession=profession, Code_savoir=savoir_faire)


def at(lps: Lps, structure: str) -> Lps:
    """The same professional, who claims to act there."""
    lps._sender = replace(lps._sender, structure_id=structure)
    return lps


def finds(town: Village, lps: Lps) -> bool:
    return isinstance(lps.find(town.patient(PATIENTS[0].ins)), list)


def test_an_activity_that_has_ended_links_nobody(town: Village, import_: Callable[..., None]) -> None:
    second = practising(DOCTOR.id_nat, CABINET_DU_PARC)
    import_(practising(OTHER.id_nat, CABINET_DU_PARC), second)
    assert finds(town, at(town.lps("medecin"), CABINET_DU_PARC))
    import_(practising(OTHER.id_nat, CABINET_DU_PARC), practising(DOCTOR.id_nat, CABINET_DES_LILAS))
    with pytest.raises(LpsError, match=NOT_LINKED):
        finds(town, at(town.lps("medecin"), CABINET_DU_PARC))
    assert town.audit(1)[0].rule == "annuaire"
    assert finds(town, town.lps("medecin"))
    import_(second, options=("--partial",))
    assert finds(town, at(town.lps("medecin"), CABINET_DU_PARC))


def test_a_structure_that_is_listed_no_longer_lets_nobody_in(town: Village, import_: Callable[..., None]) -> None:
    import_(practising(EMPLOYED.id_nat, CLINIQUE), practising(OTHER.id_nat, CABINET_DU_PARC))
    assert finds(town, town.lps("medecin-clinique"))  # the operator's approval for AIR stands
    import_(practising(OTHER.id_nat, CABINET_DU_PARC))
    with pytest.raises(LpsError, match=UNKNOWN):
        finds(town, town.lps("medecin-clinique"))
    import_(practising(EMPLOYED.id_nat, CLINIQUE), practising(OTHER.id_nat, CABINET_DU_PARC))
    assert finds(town, town.lps("medecin-clinique"))


def test_an_inactive_structure_lets_the_holder_of_a_card_in_no_more(
    town: Village, import_: Callable[..., None]
) -> None:
    """His link is the operator's word and goes on; the structure is the extraction's, and has ended."""
    import_(practising(OTHER.id_nat, CABINET_DU_PARC), practising(OTHER.id_nat, CABINET_DES_LILAS))
    assert finds(town, town.lps("medecin"))
    import_(practising(OTHER.id_nat, CABINET_DU_PARC))
    with pytest.raises(LpsError, match=UNKNOWN):
        finds(town, town.lps("medecin"))


def test_a_structure_that_nobody_told_of_is_refused_in_indirect_mode(
    town: Village, import_: Callable[..., None]
) -> None:
    with town.house() as house, house.database.transaction() as connection:
        connection.exec_driver_sql(f"DELETE FROM structures WHERE structure_id = '{CLINIQUE}'")
    with pytest.raises(LpsError, match=UNKNOWN):
        finds(town, town.lps("medecin-clinique"))
    with pytest.raises(LpsError, match=NOT_LINKED):  # in direct mode it is not one of his
        finds(town, at(town.lps("medecin"), "1999999999"))


def test_a_professional_who_is_listed_no_longer_stays_out(town: Village, import_: Callable[..., None]) -> None:
    import_(practising(DOCTOR.id_nat, CABINET_DES_LILAS), practising(OTHER.id_nat, CABINET_DU_PARC))
    assert finds(town, town.lps("medecin"))
    import_(practising(OTHER.id_nat, CABINET_DU_PARC))
    with pytest.raises(LpsError, match=f"{DENIED}.*(inactif|Inactive)"):
        finds(town, town.lps("medecin"))


def test_the_holder_of_a_card_whom_nobody_told_of_acts_for_no_structure(
    town: Village, import_: Callable[..., None]
) -> None:
    """The card proves who he is; the structure that he claims, nothing does: he is let in without it."""
    with town.house() as house, house.database.transaction() as connection:
        for table in ("professional_structures", "professional_exercices", "professionals"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE id_nat = '{DOCTOR.id_nat}'")
    assert finds(town, at(town.lps("medecin"), HOPITAL))


def test_a_specialty_that_the_directory_does_not_know_is_refused(town: Village, import_: Callable[..., None]) -> None:
    """An occupational physician is not let in as another médecin by a structure that says so; one who is both is."""
    place = practising(EMPLOYED.id_nat, CLINIQUE, savoir_faire="SM25")
    at_work, general = (
        annuaire.line(annuaire.SKILLS, id_nat=EMPLOYED.id_nat, Code_profession="10", Code_savoir=code)
        for code in ("SM25", "SM26")
    )
    import_(place, skills=(at_work,))
    with pytest.raises(LpsError, match=f"{DENIED}.*non conforme"):
        finds(town, town.lps("medecin-clinique"))
    import_(place, skills=(at_work, general))
    assert finds(town, town.lps("medecin-clinique"))


def test_a_structure_cannot_make_a_nurse_a_medecin(town: Village, import_: Callable[..., None]) -> None:
    import_(practising(EMPLOYED.id_nat, CLINIQUE, profession="60", savoir_faire=""))
    with pytest.raises(LpsError, match=f"{DENIED}.*non conforme"):
        finds(town, town.lps("medecin-clinique"))
