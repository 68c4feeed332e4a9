"""What can be wrong with a CDA document, in the vocabulary of the standard."""

from __future__ import annotations


class CdaError(ValueError):
    """A document that cannot be read, or from which an attribute cannot be derived.

    `place` is a path in the document or the name of an attribute. None of the three quotes the document's content
    beyond codes and identifiers of types: they are safe in a technical log.
    """

    def __init__(self, expected: str, got: str, place: str) -> None:
        super().__init__(f"{place}: expected {expected}, got {got}")
        self.expected = expected
        self.got = got
        self.place = place

    def diagnostics(self) -> str:
        """The whole message: where, what was expected and what came."""
        return str(self)
