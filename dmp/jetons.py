"""Access tokens, given by the embedded authorisation server: for whom the directory lets in, and each one recorded.

A token opens no dossier: each request that it comes with is decided at the gate.

Source: ITI TF-2 3.71.5.1 (audit of Get Access Token); GIE SESAM-Vitale, DMP-Compatibilité (directory).
"""

from __future__ import annotations

from audit.event import AuditObject, Call
from dmp import annuaire
from dmp.errors import AuthenticationRefused
from dmp.gate import Gate
from identities.requester import Requester


def record_token(gate: Gate, call: Call, requester: Requester, asked: AuditObject) -> None:
    """Records that a token is given, or told about. Raises AuthenticationRefused."""
    with gate.authentication(call.transaction, call.transaction, call) as attempt:
        attempt.requester = requester
        attempt.objects.append(asked)
        try:
            annuaire.attested(attempt.rooms.identities, requester)
        except annuaire.NotListedError as error:
            raise AuthenticationRefused("annuaire", str(error)) from None
