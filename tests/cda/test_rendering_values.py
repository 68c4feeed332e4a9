"""Times, quantities, codes and names in French."""

from __future__ import annotations

import pytest
from lxml import etree

from cda.rendering.dates import instant, time_of, timestamp
from cda.rendering.parties import address, grouped, identifier, person_name, telecom
from cda.rendering.quantities import limits, quantity, unit
from cda.rendering.reading import Source
from cda.rendering.values import value_text
from schemas import oids, xml

SPACES = 'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def element(text: str) -> etree._Element:
    """An element of CDA's namespace."""
    return xml.parse(f"<root {SPACES}>{text}</root>".encode())[0]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1979", "1979"),
        ("197903", "03/1979"),
        ("19790328", "28/03/1979"),
        ("20191203133000+0100", "03/12/2019 à 13:30"),
        ("20190703133000+0200", "03/07/2019 à 13:30"),
        ("20190703133000+0100", "03/07/2019 à 13:30 (UTC+01:00)"),
        ("20190703133000+0000", "03/07/2019 à 13:30 (UTC)"),
        ("20190703133000-0400", "03/07/2019 à 13:30 (UTC-04:00)"),
        ("2019070313", "03/07/2019 à 13:00"),
        ("20190703133000.123+0200", "03/07/2019 à 13:30"),
        ("99999999", "99/99/9999"),
        ("bientôt", "bientôt"),
        ("20190703133000+9999", "03/07/2019 à 13:30"),
    ],
)
def test_timestamps(written: str, said: str) -> None:
    assert timestamp(written) == said


def test_an_instant_is_in_utc() -> None:
    assert str(instant("20190703133000+0200")) == "2019-07-03 11:30:00+00:00"
    assert str(instant("20190103")) == "2019-01-02 23:00:00+00:00"
    assert instant("20191303") is None and instant("") is None and instant("00010101") is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('<t value="20240102"/>', "02/01/2024"),
        ('<t><low value="20240102"/><high value="20240105"/></t>', "du 02/01/2024 au 05/01/2024"),
        (
            '<t><low value="202401021025+0100"/><high value="202401021117+0100"/></t>',
            "le 02/01/2024 de 10:25 à 11:17",
        ),
        ('<t><low value="20240102"/></t>', "depuis le 02/01/2024"),
        ('<t><high value="20240102"/></t>', "jusqu'au 02/01/2024"),
        ('<t><low value="20240102"/><width value="3" unit="d"/></t>', "depuis le 02/01/2024, pendant 3 jours"),
        ('<t xsi:type="PIVL_TS"><period value="1" unit="d"/></t>', "tous les 1 jour"),
        ('<t xsi:type="PIVL_TS"><period value="8" unit="h"/></t>', "toutes les 8 h"),
        ('<t xsi:type="EIVL_TS"><event code="PC"/></t>', "après le repas"),
        (
            '<t xsi:type="SXPR_TS"><comp xsi:type="EIVL_TS"><event code="CM"/></comp><comp><low value="2024"/></comp>'
            "</t>",
            "au petit-déjeuner, depuis le 2024",
        ),
        ('<t nullFlavor="UNK"/>', ""),
    ],
)
def test_times(written: str, said: str) -> None:
    assert time_of(element(written)) == said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("m[IU]/L", "mUI/L"),
        ("mm[Hg]", "mmHg"),
        ("10*9/L", "10⁹/L"),
        ("10*-3", "10⁻³"),
        ("Cel", "°C"),
        ("ug/mL", "µg/mL"),
        ("umol/L", "µmol/L"),
        ("{copies}/mL", "copies/mL"),
        ("mL/min/{1.73_m2}", "mL/min/"),
        ("1", ""),
        ("%", "%"),
    ],
)
def test_units(code: str, said: str) -> None:
    assert unit(code) == said


def test_quantities_keep_their_precision() -> None:
    assert quantity(element('<v value="1.950" unit="g/L"/>')) == "1,950 g/L"
    assert quantity(element('<v value="3" unit="d"/>')) == "3 jours"
    assert quantity(element('<v value="&lt;1.0" unit="g/L"/>')) == "<1.0 g/L"
    assert limits(element('<v><low value="0.27" unit="g/L"/><high value="4.20" unit="g/L"/></v>')) == "0,27 à 4,20 g/L"
    assert limits(element('<v><high value="5" unit="g/L"/></v>')) == "≤ 5 g/L"
    assert limits(element('<v><low value="5" unit="g/L" inclusive="false"/></v>')) == "> 5 g/L"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('<v xsi:type="BL" value="true"/>', "oui"),
        ('<v xsi:type="ST">texte  libre</v>', "texte libre"),
        ('<v xsi:type="INT" value="3"/>', "3"),
        ('<v xsi:type="CD" code="a" displayName="Asthme"/>', "Asthme"),
        ('<v xsi:type="CD" code="a"/>', "a"),
        ('<v xsi:type="CD" nullFlavor="UNK"/>', "inconnu"),
        ('<v xsi:type="CD" nullFlavor="OTH"><originalText>autre chose</originalText></v>', "autre chose"),
        ('<v xsi:type="CD" code="a"><translation displayName="traduit"/></v>', "traduit"),
        (
            '<v xsi:type="RTO_PQ_PQ"><numerator value="1" unit="g"/><denominator value="2" unit="d"/></v>',
            "1 g / 2 jours",
        ),
        ('<v xsi:type="TS" value="20240102"/>', "02/01/2024"),
        ('<v xsi:type="II" root="1.2" extension="x"/>', "x"),
        ('<v xsi:type="inconnu"/>', ""),
    ],
)
def test_values(written: str, said: str) -> None:
    root = element(written)
    assert value_text(root, Source(root, {}, {})) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "<n><prefix>M</prefix><suffix>DR</suffix><given>Charles</given><family>David</family></n>",
            "Dr Charles DAVID",
        ),
        ("<n><prefix>MME</prefix><given>Anne</given><family>David</family></n>", "Mme Anne DAVID"),
        (
            '<n><family qualifier="BR">A</family><family qualifier="CL">B</family><given>C D</given></n>',
            "C D B",
        ),
        ("<n>En un mot</n>", "En un mot"),
        ("<n/>", ""),
    ],
)
def test_names(written: str, said: str) -> None:
    assert person_name(element(written)) == said


def test_addresses_numbers_and_identifiers() -> None:
    assert address(element("<a>12 rue X</a>")) == "12 rue X"
    assert address(element("<a><streetAddressLine>12 rue X</streetAddressLine><city>Y</city></a>")) == "12 rue X, Y"
    assert telecom(element('<t value="tel:0147150000" use="WP"/>')) == "01 47 15 00 00 (travail)"
    assert telecom(element('<t value="mailto:a@b.fr"/>')) == "a@b.fr"
    assert telecom(element('<t nullFlavor="NAV"/>')) == ""
    assert (
        identifier(element(f'<i root="{oids.PS_ID_NAT}" extension="801234567897"/>'))
        == "Identifiant national 801234567897"
    )
    assert identifier(element('<i root="1.2" extension="9"/>')) == "9 (1.2)"
    assert grouped("1850549588157") == "1 85 05 49 588 157" and grouped("x") == "x"
