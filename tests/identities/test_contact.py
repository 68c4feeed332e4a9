"""Mail addresses and telephone numbers: one plain form of each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.contact import ContactError, check_mail_address, check_number

LONGEST = f"{'l' * 64}@{'.'.join(['d' * 62] * 2 + ['e' * 55, 'example'])}"


@pytest.mark.parametrize(
    "value",
    ["anne.martin@patient.example", "a@b.fr", "o'neill+dmp@xn--hpital-dta.example", "0@1.2.fr", LONGEST],
)
def test_addresses(value: str) -> None:
    check_mail_address(value)


@pytest.mark.parametrize(
    "value",
    [
        "", "anne", "anne@", "@patient.example", "anne@localhost", "anne@192.0.2.1", "anne@[192.0.2.1]",
        "a@b.fr\r\nBcc: x@y.fr", "a@b.fr\n", "\na@b.fr", "a@b.fr\r", "a@b.fr\x00", "a@b.fr,x@y.fr", "a@b.fr x@y.fr",
        "<a@b.fr>", "Anne <a@b.fr>", '"a b"@c.fr', "a@b@c.fr", "a b@c.fr", ".a@b.fr", "a.@b.fr", "a..b@c.fr",
        "a@-b.fr", "a@b-.fr", "a@b..fr", "a@.fr", "a@b.fr.", "anaïs@b.fr", "a@hôpital.fr", "ａ@b.fr",
        "a@b.fr>SIZE=1", f"{'l' * 65}@b.fr", f"a@{'d' * 64}.fr", f"a{LONGEST[1:]}x",
    ],
)  # fmt: skip
def test_what_is_no_address(value: str) -> None:
    with pytest.raises(ContactError) as raised:
        check_mail_address(value)
    assert (not value) or value not in str(raised.value)
    assert "expected a mail address" in str(raised.value)


@pytest.mark.parametrize("value", ["+33612345678", "+262692123456", "+1234567", "+123456789012345"])
def test_numbers(value: str) -> None:
    check_number(value)


@pytest.mark.parametrize(
    "value",
    [
        "", "+", "0612345678", "33612345678", "+33 6 12 34 56 78", "+033612345678", "+123456", "+1234567890123456",
        "+33612345678\n", "+33612345678,+33612345679", "+３３６１２３４５６７８",
        "tel:+33612345678", "+33612345678;ext=1",
    ],
)  # fmt: skip
def test_what_is_no_number(value: str) -> None:
    with pytest.raises(ContactError) as raised:
        check_number(value)
    assert (len(value) < 2) or value not in str(raised.value)
    assert "expected a telephone number" in str(raised.value)


@given(st.text())
def test_an_error_never_quotes_what_came(value: str) -> None:
    for check in (check_mail_address, check_number):
        try:
            check(value)
        except ContactError as error:
            assert error.got in ("nothing", f"{len(value)} other characters")
