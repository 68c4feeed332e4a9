"""The secret that a form and a cookie share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.csrf import COOKIE, FIELD, genuine, token_for


def test_a_browser_keeps_its_secret() -> None:
    token = token_for({})
    assert token != token_for({})
    assert token_for({COOKIE: token}) == token
    assert genuine({COOKIE: token}, {FIELD: token})


@pytest.mark.parametrize("held", ["", "short", "A" * 42 + "é", "A" * 44])
def test_a_cookie_that_is_none_of_ours_proves_nothing(held: str) -> None:
    assert not genuine({COOKIE: held}, {FIELD: held})
    assert token_for({COOKIE: held}) != held


@given(st.text())
def test_no_other_text_is_the_secret(field: str) -> None:
    assert not genuine({COOKIE: token_for({})}, {FIELD: field})
