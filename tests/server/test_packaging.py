"""What a wheel must carry besides code."""

from __future__ import annotations

import configparser
from fnmatch import fnmatch
from pathlib import Path

from tests.conftest import ROOT

DATA = {".csv", ".toml", ".xsd", ".mako", ".html", ".css"}


def _configured() -> tuple[list[str], list[str]]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    packages = config["options"]["packages"].split()
    patterns = [pattern.strip() for pattern in config["options.package_data"]["*"].split(",")]
    return packages, patterns


def test_every_package_is_listed() -> None:
    packages, _ = _configured()
    found = {
        ".".join(file.relative_to(ROOT).parent.parts)
        for file in ROOT.glob("*/**/__init__.py")
        if file.relative_to(ROOT).parts[0] not in ("tests", "benchmarks", "build", ".venv", "demo")
    }
    assert found == set(packages)


def test_every_data_file_is_covered_by_a_pattern() -> None:
    packages, patterns = _configured()
    folders = [ROOT.joinpath(*package.split(".")) for package in packages]
    for package in packages:
        if "." in package:
            continue
        for file in (ROOT / package).rglob("*"):
            if file.suffix in DATA:
                owner = max((each for each in folders if file.is_relative_to(each)), key=lambda each: len(each.parts))
                relative = str(Path(file).relative_to(owner))
                assert any(fnmatch(relative, pattern) for pattern in patterns), file
