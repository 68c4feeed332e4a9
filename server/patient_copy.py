"""A copy of a DMP as one ZIP file: an XDM medium with the documents, and beside it history and authorisations as CSV.

Source: ITI TF-2 3.32.4.1.2 (Portable Media Creator); public guides of the DMP (téléchargement du DMP).
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Collection
from contextlib import ExitStack
from importlib.metadata import version
from typing import IO

from audit.event import Call
from dmp.copie import Part, take_away
from dmp.medias import Maker
from identities.requester import Requester
from ihe.xdm_write import write_media
from server.house import House, now

IN_MEMORY = 1024 * 1024  # bytes
BOM = "\ufeff"  # by which a spreadsheet knows that a CSV file is UTF-8


def copy_of(house: House, requester: Requester, call: Call, parts: Collection[Part]) -> IO[bytes]:
    """The file, at its beginning; whoever reads it closes it. Raises AccessRefused, RegistryError, RepositoryError."""
    domain = house.domain
    maker = Maker(f"service {domain.name}", "", domain.repository_unique_id)
    copy = take_away(house.gate, requester, call, parts, maker)
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.SpooledTemporaryFile(IN_MEMORY))
        if copy.documents is not None and copy.documents.submissions:
            write_media(file, copy.documents, maker, f"open-dmp {version('open-dmp')}", now())
        with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
            for name, text in (("HISTORIQUE.CSV", copy.history), ("AUTORISATIONS.CSV", copy.authorisations)):
                if text is not None:
                    archive.writestr(name, (BOM + text).encode())
        file.seek(0)
        stack.pop_all()
        return file
