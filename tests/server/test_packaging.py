"""What a wheel must carry besides code."""

from __future__ import annotations

import configparser
from fnmatch import fnmatch
from pathlib import Path

from tests.conftest import ROOT

DATA = {".csv", ".toml", ".xsd", ".mako", ".html", ".css"}
ELSEWHERE = {"pdsm": "fhir/pdsm"}  # package_dir: `fhir` is no package of ours


def _configured() -> tuple[list[str], list[str]]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    (place,) = config["options"]["package_dir"].strip().splitlines()
    assert dict([place.split(" = ")]) == ELSEWHERE
    packages = config["options"]["packages"].split()
    patterns = [pattern.strip() for pattern in config["options.package_data"]["*"].split(",")]
    return packages, patterns


def test_every_package_is_listed() -> None:
    packages, _ = _configured()
    named = {place: package for package, place in ELSEWHERE.items()}
    found = {
        named.get(str(file.parent.relative_to(ROOT)), ".".join(file.relative_to(ROOT).parent.parts))
        for file in ROOT.glob("*/**/__init__.py")
        if file.relative_to(ROOT).parts[0] not in ("tests", "benchmarks", "build", ".venv", "demo")
    }
    assert found == set(packages)


def test_every_data_file_is_covered_by_a_pattern() -> None:
    packages, patterns = _configured()
    places = [ELSEWHERE.get(package, package.replace(".", "/")) for package in packages]
    folders = [ROOT / place for place in places]
    for package, folder in zip(packages, folders, strict=True):
        if "." in package:
            continue
        for file in folder.rglob("*"):
            if file.suffix in DATA:
                owner = max((each for each in folders if file.is_relative_to(each)), key=lambda each: len(each.parts))
                relative = str(Path(file).relative_to(owner))
                assert any(fnmatch(relative, pattern) for pattern in patterns), file
