"""Lines of the public extraction of the Annuaire Santé: what is taken, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.annuaire_sante import MAX_LINE, ExtractionError, Kind, Layout, kind_of, read_titles
from tests import annuaire

# A line of the extraction of 2021, as published: an audioprothésiste employed at a SIRET.
PUBLISHED = (
    "0|012600631|0012600631|||M|Monsieur|PETIT|ALAIN|26|Audioprothésiste|C|Civil|||||S|Salarié|49940088500020||||"
    "C49940088500020|OPTIC||OPTIC||9||RTE|Route|DE BESANCON||25300 DOUBS|25300|||||||||||349940088500020|"
    "ARS/Variable/Variable|SA42|Appareillage médical|||"
)


@pytest.fixture
def layout() -> Layout:
    return read_titles(annuaire.ACTIVITIES.encode())


def test_a_line_as_published() -> None:
    found = read_titles(annuaire.OLD_ACTIVITIES.encode()).read(PUBLISHED.encode(), luhn=True)
    assert (found.id_nat, found.family, found.given, found.profession) == ("0012600631", "PETIT", "ALAIN", "26")
    assert found.structures == ("349940088500020",)
    assert (found.name, found.sector, found.mode, found.savoir_faire) == ("OPTIC", "SA42", "S", ())


def test_every_identifier_of_a_structure_is_one_of_its_struct_id_nat(layout: Layout) -> None:
    raw = annuaire.activity(
        finess="750712184",
        siret="26750045200011",
        Numéro_SIREN="267500452",
        Numéro_FINESS_établissement="010780054",
        Ancien_identifiant="410000139940001",
    )
    expected = ("1750712184", "1010780054", "326750045200011", "2267500452", "410000139940001")
    assert set(layout.read(raw.encode()).structures) == set(expected)


@pytest.mark.parametrize(("former", "known"), [("075912415900", True), ("R10100000328372", False), ("", False)])
def test_a_former_identifier_counts_when_it_is_a_struct_id_nat(layout: Layout, former: str, known: bool) -> None:
    raw = annuaire.activity("810001045367", Ancien_identifiant=former)
    assert layout.read(raw.encode(), luhn=True).structures == ((former,) if known else ())


def test_the_section_of_a_pharmacien_counts_as_savoir_faire(layout: Layout) -> None:
    raw = annuaire.activity(Code_profession="21", Code_section="A", Code_savoir="SP01")
    assert set(layout.read(raw.encode()).savoir_faire) == {"A", "SP01"}


def test_the_kind_of_a_file_is_told_by_its_titles() -> None:
    assert read_titles(b"\xef\xbb\xbf" + annuaire.ACTIVITIES.encode() + b"\r\n").kind is Kind.ACTIVITIES
    assert read_titles(annuaire.SKILLS.encode() + b"|\n").kind is Kind.SAVOIR_FAIRE
    assert read_titles(annuaire.DIPLOMAS.encode()).kind is Kind.DIPLOMAS
    assert kind_of("PS_LibreAcces_SavoirFaire_202611220807.txt") is Kind.SAVOIR_FAIRE
    assert kind_of("ps-libreacces-personne-activite.txt") is Kind.ACTIVITIES
    assert kind_of("Porteurs_CPS_CPF.txt") is kind_of("PS_LibreAcces_SavoirFaire.csv") is None


@pytest.mark.parametrize(
    ("titles", "told"),
    [
        ("", "title of column 1: expected Type d'identifiant PP, got nothing"),
        (annuaire.ACTIVITIES.replace("Code profession", "Profession"), "title of column 10: expected Code profession"),
        (annuaire.ACTIVITIES + "|Code nouveau", "title of column 57: expected the end, got 'Code nouveau'"),
        (annuaire.SKILLS.rpartition("|")[0], "title of column 13: expected Libellé savoir-faire, got nothing"),
        (annuaire.ACTIVITIES.replace("|", ";"), "title of column 1"),
    ],
)
def test_a_file_with_other_titles_is_none(titles: str, told: str) -> None:
    with pytest.raises(ExtractionError, match=told):
        read_titles(titles.encode())


def test_a_file_in_another_encoding_is_none() -> None:
    with pytest.raises(ExtractionError, match=r"expected UTF-8, got byte 0xe9 at 7\d"):
        read_titles(annuaire.ACTIVITIES.encode("latin-1"))


@pytest.mark.parametrize(
    ("raw", "told", "whose"),
    [
        (annuaire.activity() + "|x", "line: expected 56 columns, got 57", "899900000017"),
        (annuaire.activity().rpartition("||")[0], "line: expected 56 columns, got 54", "899900000017"),
        ("8|99900000017", "line: expected 56 columns, got 2", ""),
        (annuaire.activity("699900000017"), "Type d'identifiant PP: expected 0 .ADELI. or 8 .RPPS., got '6'", ""),
        (annuaire.activity("89990000001"), "Identification nationale PP: expected 8 and RPPS", ""),
        (annuaire.activity().replace("|899900000017", "|099900000017"), "Identification nationale PP", ""),
        (annuaire.activity(finess="12345"), "Numéro FINESS site: expected 1 and FINESS, got '112345'", "899900000017"),
        (annuaire.activity(siret="2675004520001"), "Numéro SIRET site: expected 3 and SIRET", "899900000017"),
        (annuaire.activity(Code_profession=""), "expected a profession or a role, got neither", "899900000017"),
        (annuaire.activity(Code_savoir="SM 26"), "Code savoir-faire: expected a code", "899900000017"),
        (annuaire.activity(Code_profession="1" * 33), "Code profession: expected a code", "899900000017"),
        ("x" * (MAX_LINE + 1), "expected at most", ""),
        ("8|\0", "expected text, got a NUL character", ""),
    ],
)
def test_a_line_that_is_refused_says_why_and_whose_it_was(layout: Layout, raw: str, told: str, whose: str) -> None:
    with pytest.raises(ExtractionError, match=told) as caught:
        layout.read(raw.encode())
    assert caught.value.id_nat == whose


def test_keys_are_controlled_when_asked_for(layout: Layout) -> None:
    wrong = annuaire.activity("810001045367", finess="010000025").encode()
    assert layout.read(wrong).structures == ("1010000025",)
    with pytest.raises(ExtractionError, match="the key of the FINESS"):
        layout.read(wrong, luhn=True)
    with pytest.raises(ExtractionError, match="the key of the RPPS"):
        layout.read(annuaire.activity("810001045368").encode(), luhn=True)


@given(st.binary(max_size=400) | st.lists(st.text(max_size=12), max_size=60).map(lambda each: "|".join(each).encode()))
def test_whatever_comes_is_a_line_or_refused(raw: bytes) -> None:
    try:
        found = read_titles(annuaire.ACTIVITIES.encode()).read(raw)
    except ExtractionError as error:
        assert error.expected and error.got
    else:
        assert found.id_nat[0] in "08"
