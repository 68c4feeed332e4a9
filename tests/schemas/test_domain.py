"""Affinity-domain files: every mistake in one is told, with its key, before anything is served by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.domain import DomainError, load

FOLDER = Path(__file__).parents[2] / "schemas" / "domains"
NAMES = ("fr-dmp", "ihe-connectathon")


def _lines(name: str) -> list[str]:
    """The file, each key on one line."""
    text = (FOLDER / f"{name}.toml").read_text("utf-8")
    return re.sub(r"\[\n(.*?)\n\]", lambda list_: f"[{' '.join(list_[1].split())}]", text, flags=re.DOTALL).splitlines()


def _mistakes() -> Iterator[tuple[str, str, str, str]]:
    """Name of the domain, key, what is wrong, and the whole file with it."""
    for name in NAMES:
        lines = _lines(name)
        for number, line in enumerate(lines):
            key, equals, _ = line.partition(" = ")
            if not equals or line.startswith("#"):
                continue
            for mistake, instead in (
                ("misspelt", line.replace(key, f"{key}x", 1)),
                ("a table", f"{key} = {{ x = 1 }}"),
                ("a negative number", f"{key} = -1"),
                ("a list of numbers", f"{key} = [1]"),
                ("nothing", f'{key} = ""'),
            ):
                yield name, key, mistake, "\n".join([*lines[:number], instead, *lines[number + 1 :]])


def test_each_mistake_is_told_with_its_key(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    told = 0
    for name, key, mistake, text in _mistakes():
        file.write_text(text, "utf-8")
        with pytest.raises(DomainError) as error:
            load(str(file))
        assert key in str(error.value), (name, key, mistake)
        told += 1
    assert told > 200


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_is_missing_is_told_unless_it_may_be(name: str, tmp_path: Path) -> None:
    file, lines = tmp_path / "own.toml", _lines(name)
    optional = {"audiences", "signers", "authn_contexts", "namespaces", "reports_of_results"}
    for number, line in enumerate(lines):
        key, equals, value = line.partition(" = ")
        if not equals or line.startswith("#"):
            continue
        file.write_text("\n".join([*lines[:number], *lines[number + 1 :]]), "utf-8")
        if (
            key in optional
            or (key.endswith(("_code", "_codes")) and "[" in value)
            or (key, value[:5]) == ("required", "false")
        ):
            load(str(file))
        else:
            with pytest.raises(DomainError, match=key):
                load(str(file))


@pytest.mark.parametrize(
    "section", ["patients", "codes", "documents", "metadata", "queries", "assertion", "habilitations"]
)
def test_a_section_that_is_missing_is_told(section: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("\n".join(_lines("ihe-connectathon")).replace(f"[{section}]", f"[{section}x]"), "utf-8")
    with pytest.raises(DomainError, match=section):
        load(str(file))
