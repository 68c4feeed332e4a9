"""Who speaks, in which mode, with which keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lps_fakes import INS, INS_OID, demo_folder

from conformance.lps import LpsUsageError, people
from schemas import oids


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> people.Demo:
    return people.load(demo_folder(tmp_path_factory.mktemp("demo")))


def test_a_name_is_found_exactly_then_whatever_its_case_and_accents(demo: people.Demo) -> None:
    assert demo.person("hopital").id_nat == "1750000001"
    assert demo.person("Dr HOSPITALIERE").id_nat == "899900000022"
    with pytest.raises(LpsUsageError, match=r"dr-leblanc, dr-hospitalière, hopital; got nobody"):
        demo.person("nobody")


def test_direct_mode_takes_the_persons_own_card(demo: people.Demo) -> None:
    sender = demo.sender("dr-leblanc")
    assert sender.mode == "DIRECTE"
    assert sender.name_id == "899900000011"
    assert sender.keys.sign_key == demo.folder / "pki" / "dr-leblanc" / "sign.key"
    assert [(role.code, role.system) for role in sender.roles] == [
        ("10", oids.PROFESSION),
        ("SM26", oids.SPECIALITE_MEDECIN),
    ]
    assert (sender.structure_id, sender.sector) == ("499700000001", "SA07")


def test_a_structure_feeds_as_an_automaton_unless_somebody_is_at_the_keyboard(demo: people.Demo) -> None:
    alone = demo.sender("hopital")
    assert (alone.mode, alone.name_id) == ("INDIRECTE", "1750000001/automate")
    assert [(role.code, role.system) for role in alone.roles] == [("AUTOMATE", oids.ROLE_NON_PS)]
    with_user = demo.sender("hopital", user="dr-leblanc")
    assert with_user.name_id == "1750000001/899900000011"
    assert with_user.subject == "LEBLANC Hélène"


def test_an_indirect_professional_uses_the_keys_of_the_structure(demo: people.Demo) -> None:
    sender = demo.sender("dr-hospitalière")
    assert sender.keys.auth_cert.parent.name == "hopital"
    assert sender.name_id == "1750000001/899900000022"
    assert sender.user is not None
    assert sender.user.name == "dr-hospitalière"


def test_reinforced_indirect_takes_the_first_professional_of_the_structure(demo: people.Demo) -> None:
    sender = demo.sender("hopital", mode="INDIRECTE_RENFORCEE")
    assert (sender.name_id, sender.structure_id, sender.sector) == ("899900000022", "1750000001", "SA01")
    assert sender.keys.sign_cert.parent.name == "hopital"


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("hopital", "DIRECTE", "indirect mode for a structure"),
        ("hopital", "AUTRE", "DIRECTE, INDIRECTE, INDIRECTE_RENFORCEE; got AUTRE"),
        ("dr-leblanc", "INDIRECTE", "got 499700000001"),
    ],
)
def test_modes_that_cannot_be(demo: people.Demo, name: str, mode: str, message: str) -> None:
    with pytest.raises(LpsUsageError, match=message):
        demo.sender(name, mode=mode)


def test_the_authority_of_an_ins_comes_from_the_caller_the_file_or_the_test_nir(demo: people.Demo) -> None:
    assert demo.patient(INS).ins_oid == INS_OID
    assert demo.patient("1").ins_oid == oids.INS_NIR_TEST
    assert demo.patient("1", oids.INS_NIA).cx == f"1^^^&{oids.INS_NIA}&ISO^NH"
    assert demo.patient("1", "1.2.3").cx == "1^^^&1.2.3&ISO"


def test_a_cx_says_both(demo: people.Demo) -> None:
    assert demo.patient(f"1^^^&{oids.INS_NIA}&ISO^NH") == people.Patient("1", oids.INS_NIA)
    for given, ins_oid in (("1^^^&1.2", None), ("1^^^&1.2&ISO", "1.3")):
        with pytest.raises(LpsUsageError, match=r"INS\^"):
            demo.patient(given, ins_oid)


def test_a_document_says_whose_authority_unless_it_is_known(demo: people.Demo) -> None:
    header = [people.Patient("1", oids.INS_NIA), people.Patient(INS, oids.INS_NIA)]
    assert demo.patient("1", header=header).ins_oid == oids.INS_NIA
    assert demo.patient("2", header=header).ins_oid == oids.INS_NIR_TEST
    assert demo.patient(INS, header=header).ins_oid == INS_OID


def test_the_last_authority_used_is_remembered(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path)
    for authority in (oids.INS_NIR, oids.INS_NIA):
        people.load(folder).remember(people.Patient("1", authority))
    people.load(folder).remember(people.Patient("2", oids.INS_NIR))
    demo = people.load(folder)
    assert (demo.patient("1").ins_oid, demo.patient("2").ins_oid) == (oids.INS_NIA, oids.INS_NIR)
    assert [patient.ins for patient in demo.known_patients()] == ["2", "1", "1", INS]
    assert not list(folder.glob(".*"))


def test_a_folder_that_cannot_be_written_forgets(tmp_path: Path) -> None:
    demo = people.Demo(tmp_path / "nowhere", [], {}, {})
    demo.remember(people.Patient("1", oids.INS_NIA))
    assert demo.patient("1").ins_oid == oids.INS_NIA


def test_roles_of_a_pharmacist_a_secretary_and_a_role_of_care() -> None:
    pharmacist = people.Person("p", "ps", "1", profession="21", specialty="A")
    secretary = people.Person("s", "ps", "2", profession="SECRETARIAT_MEDICAL")
    other = people.Person("o", "ps", "3", profession="60", specialty="453")
    assert pharmacist.roles()[1].system == oids.SECTION_PHARMACIEN
    assert [role.system for role in secretary.roles()] == [oids.ROLE_NON_PS]
    assert other.roles()[1].system == oids.ROLE_PRISE_CHARGE
    assert people.Person("d", "device", "4").roles() == ()


def test_folders_that_are_no_demo_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(LpsUsageError, match=r"people\.json"):
        people.load(tmp_path)
    (tmp_path / "people.json").write_text("{", encoding="utf-8")
    with pytest.raises(LpsUsageError, match="expected JSON"):
        people.load(tmp_path)
    (tmp_path / "people.json").write_text("{}", encoding="utf-8")
    with pytest.raises(LpsUsageError, match="JSON list, got dict"):
        people.load(tmp_path)
    (tmp_path / "people.json").write_text(json.dumps([{"name": "a", "kind": "ps"}]), encoding="utf-8")
    with pytest.raises(LpsUsageError, match="id_nat"):
        people.load(tmp_path)
    (tmp_path / "people.json").write_text(json.dumps([{"name": "a", "kind": "ps", "id_nat": "8"}]), encoding="utf-8")
    demo = people.load(tmp_path)
    with pytest.raises(LpsUsageError, match=r"auth\.pem, auth\.key, sign\.pem, sign\.key"):
        demo.keys(demo.person("a"))
    with pytest.raises(LpsUsageError, match="--server URL"):
        demo.address()
    assert demo.ca is None


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "people.json").write_text("[]", encoding="utf-8")
    (tmp_path / "server.json").write_text('{"https": null, "http": "http://h:1/"}', encoding="utf-8")
    monkeypatch.setenv("DMP_DEMO", str(tmp_path))
    assert people.load().address() == "http://h:1"
