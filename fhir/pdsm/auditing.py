"""What the addresses of the audit log share: who reads it, and the record of a request that the hall never saw.

Source: ITI TF-2 3.81.4.1.3 and 3.82.4.1.3 (RESTful ATNA); DICOM PS3.15 A.5.3.11.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask import request

from audit.event import Call
from identities.requester import Requester
from pdsm.door import Door
from pdsm.errors import ParameterError, UnknownNodeError
from pdsm.http import call_of


def auditor(door: Door, transaction: str) -> tuple[Requester, Call]:
    """Who reads the log, and the request. Raises UnknownNodeError."""
    call = call_of(transaction)
    with recorded(door, call):
        requester = door.auditor(request.environ, transaction)
    return requester, replace(call, client_certificate="" if requester.client_id else requester.id_nat)


@contextmanager
def recorded(door: Door, call: Call, requester: Requester | None = None) -> Iterator[None]:
    """What is done on a request before the hall is asked: whatever that raises is recorded, and raised again."""
    try:
        yield
    except UnknownNodeError as error:
        door.refused(replace(call, client_certificate=error.subject), str(error), None)
        raise
    except ParameterError as error:
        door.refused(call, error.diagnostics(), requester)
        raise
    except Exception as failure:
        door.failed(call, type(failure).__name__, requester)
        raise
