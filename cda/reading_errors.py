"""Why bytes are no XML that this house reads, in French: reports of validation are for people.

Source: the limits and refusals of schemas/xml.py.
"""

from __future__ import annotations

import re

from schemas.xml import XmlError

_FRENCH = (
    (r"well-formed XML", "du XML bien formé"),
    (r"XML in a known encoding", "du XML dans un codage connu"),
    (r"XML without a document type declaration", "du XML sans DTD"),
    (r"declared namespace prefixes", "des préfixes d'espaces de noms déclarés"),
    (r"an encoding among (.*)", r"un codage parmi \1"),
    (r"tags, comments and instructions of at most (\d+) bytes", r"des balises et commentaires d'au plus \1 octets"),
    (r"names of at most (\d+) characters", r"des noms d'au plus \1 caractères"),
    (r"at most (\d+) nested elements", r"au plus \1 éléments emboîtés"),
    (r"at most (\d+) attributes on an element", r"au plus \1 attributs à un élément"),
    (r"at most (\d+) different names", r"au plus \1 noms différents"),
    (r"at most (\d+) elements and attributes", r"au plus \1 éléments et attributs"),
    (r"at most (\d+) bytes.*", r"au plus \1 octets de XML"),
    (r"a syntax error at line (\d+), column (\d+)", r"une erreur de syntaxe, ligne \1, colonne \2"),
    (r"bytes that cannot be decoded", "des octets illisibles"),
    (r"(\d+) bytes", r"\1 octets"),
    (r"a DOCTYPE", "une DTD"),
    (r"a longer one", "plus long"),
    (r"more", "davantage"),
    (r"another", "un autre"),
)


def in_french(error: XmlError) -> tuple[str, str]:
    """What was expected and what came; an encoding is its own name."""
    return _translated(error.expected), _translated(error.got)


def _translated(text: str) -> str:
    for english, french in _FRENCH:
        if found := re.fullmatch(english, text):
            return found.expand(french)
    return text
