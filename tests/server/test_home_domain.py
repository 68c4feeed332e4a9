"""What came in under the rights of one domain is not served under those of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.home_domain import claim
from server.migrations import upgrade
from server.serve import serve
from server.settings import SettingsError, load

IHE = {"domain": "ihe-connectathon", "http": "127.0.0.1:1"}


def test_a_home_is_of_the_domain_that_first_served_it(tmp_path: Path) -> None:
    first, other = load({"home": tmp_path, **IHE}, {}), load({"home": tmp_path, "domain": "fr-dmp"}, {})
    claim(first)
    claim(first)
    with pytest.raises(SettingsError, match=r"expected ihe-connectathon, whose home .* got fr-dmp"):
        claim(other)


def test_the_home_of_a_dmp_is_not_served_to_plain_nodes(tmp_path: Path) -> None:
    claim(load({"home": tmp_path, "domain": "fr-dmp"}, {}))
    settings = load({"home": tmp_path, **IHE}, {})
    upgrade(settings)
    with pytest.raises(SettingsError, match="expected fr-dmp"):
        serve(settings)
