"""ITI-62 Remove Metadata: the request read.

Source: ITI TF-2 3.62.4.1.2 (Remove Metadata and Documents supplement); ebRS 3.0 §5.4.
"""

from __future__ import annotations

from lxml import etree


def read_remove(body: etree._Element) -> tuple[str, ...]:
    """The ids of the objects to remove, in the order of the request. Raises SoapError."""
    raise NotImplementedError(body.tag)
