"""The profiles of BALP from the reference data, and a judge of whether an AuditEvent fulfils one.

It reads the official StructureDefinitions: cardinalities, patterns and fixed values, required bindings to the value
sets beside them, slices told apart by discriminators, closed slicing.

Source: HL7 FHIR R4, ElementDefinition and Profiling (5.1.0.6, Slicing).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

Element = dict[str, Any]


class Judge:
    """Holds resources to the profiles of one folder."""

    def __init__(self, reference: Path) -> None:
        folder = reference / "fhir" / "balp" / "conformance"
        files = [json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))]
        self._profiles = {each["url"]: each for each in files if each["resourceType"] == "StructureDefinition"}
        sets = {each["url"].rpartition("/")[2]: each for each in files if each["resourceType"] == "ValueSet"}
        systems = {each["url"]: each for each in files if each["resourceType"] == "CodeSystem"}
        self._values = {name: _codes(each, systems) for name, each in sets.items()}

    def faults(self, resource: dict[str, Any], profile: str) -> list[str]:
        """What `resource` lacks, element by element; nothing when it fulfils `profile`."""
        return list(_Reading(self._elements(profile), self._values).below("AuditEvent", resource))

    def _elements(self, profile: str) -> dict[str, Element]:
        """The differential of the profile laid over those that it builds on."""
        found: dict[str, Element] = {}
        chain: list[dict[str, Any]] = []
        while profile in self._profiles:
            chain.insert(0, self._profiles[profile])
            profile = chain[0]["baseDefinition"]
        for each in chain:
            for element in each["differential"]["element"]:
                found[element["id"]] = found.get(element["id"], {}) | element
        return found


class _Reading:
    def __init__(self, elements: dict[str, Element], values: dict[str, set[tuple[str, str]]]) -> None:
        self._elements, self._values = elements, values

    def below(self, path: str, value: dict[str, Any]) -> Iterator[str]:
        """The faults of everything in `value`, which stands at `path`."""
        for name in self._names(path):
            here, found = f"{path}.{name}", _all(value, name)
            yield from self._held(here, found)
            slices = self._slices(here)
            sliced: list[Any] = []
            for part in slices:
                matching = [each for each in found if self._matches(here, part, each)]
                sliced += matching
                yield from self._held(part, matching)
            if self._element(here).get("slicing", {}).get("rules") == "closed" and len(sliced) < len(found):
                yield f"{here}: closed, and {len(found) - len(sliced)} in no slice"

    def _held(self, path: str, found: list[Any]) -> Iterator[str]:
        element = self._element(path)
        most = element.get("max", "*")
        if len(found) < element.get("min", 0) or (most != "*" and len(found) > int(most)):
            yield f"{path}: {element.get('min', 0)}..{most}, found {len(found)}"
        for each in found:
            if not self._fits(path, each):
                yield f"{path}: another value than the profile's"
            if isinstance(each, dict):
                yield from self.below(path, each)

    def _fits(self, path: str, value: Any) -> bool:
        element = self._element(path)
        asked = [element[key] for key in element if key.startswith(("pattern", "fixed"))]
        if not all(_within(pattern, value) for pattern in asked):
            return False
        binding = element.get("binding", {})
        known = self._values.get(binding.get("valueSet", "").rpartition("/")[2])
        if binding.get("strength") != "required" or known is None:
            return True
        codings = value.get("coding", [value])
        return any((each.get("system"), each.get("code")) in known for each in codings)

    def _matches(self, path: str, part: str, value: Any) -> bool:
        """Whether `value` belongs to that slice: every discriminator of the slicing says so."""
        for discriminator in self._element(path).get("slicing", {}).get("discriminator", ()):
            where = discriminator["path"]
            if where == "$this":
                if not self._fits(part, value):
                    return False
            elif where == "url":
                if value.get("url") not in self._extension(part):
                    return False
            elif where == "value.ofType(Identifier).type":
                if not all(self._fits(f"{part}.value[x].type", each.get("type")) for each in _all(value, "value[x]")):
                    return False
            else:
                there = _all(value, where)
                if not there or not all(self._fits(f"{part}.{where}", each) for each in there):
                    return False
        return True

    def _extension(self, part: str) -> list[str]:
        whole = part.partition("/")[0]  # a slice of a slice: agent:user.extension:otherId/npi
        return [each for kind in self._element(whole).get("type", ()) for each in kind.get("profile", ())]

    def _names(self, path: str) -> list[str]:
        return list(dict.fromkeys(key[len(path) + 1 :].split(".")[0].split(":")[0] for key in self._below(path)))

    def _slices(self, path: str) -> list[str]:
        starts = (key for key in self._elements if key.startswith(path + ":"))
        return list(dict.fromkeys(path + ":" + key[len(path) + 1 :].split(".")[0] for key in starts))

    def _below(self, path: str) -> list[str]:
        return [key for key in self._elements if key.startswith(path + ".")]

    def _element(self, path: str) -> Element:
        return self._elements.get(path, {})


def _all(value: dict[str, Any], name: str) -> list[Any]:
    if name == "value[x]":
        return [each for key, each in value.items() if key.startswith("value")]
    found = value.get(name, [])
    return found if isinstance(found, list) else [found]


def _within(pattern: Any, value: Any) -> bool:
    """Whether `value` has at least what `pattern` has. Source: ElementDefinition.pattern[x]."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(_within(each, value.get(key)) for key, each in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(_within(each, one) for one in value) for each in pattern)
    return type(pattern) is type(value) and pattern == value


def _codes(value_set: dict[str, Any], systems: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
    found = set()
    for included in value_set["compose"]["include"]:
        concepts = included.get("concept") or systems.get(included["system"], {}).get("concept", [])
        found |= {(included["system"], each["code"]) for each in concepts}
    return found


@cache
def judge(reference: Path) -> Judge:
    """The judge of the reference data in that folder."""
    return Judge(reference)
