"""A visit: who opens a page of the web access, about whom, and what the links of that page carry on.

With a card (TD0.9) the TLS client certificate is the card, and the address says the rest: situation, access mode. In
the reinforced indirect mode (TD0.10, AIR) a structure posts a VIHF, and whatever leads on from its page posts it again.
Nothing is remembered from one request to the next.

Source: GIE SESAM-Vitale, PDT-INF-527 v1.7; PDT-INF-606 v1.3.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode

from audit.event import Call
from dmp.annuaire import Situation
from identities.ins import InsError, read_ins
from identities.requester import ModeAcces, PatientId, Requester
from portal.door import Client, Door, Environ
from portal.errors import NO_CARD, UnknownRequesterError, UnreadableError

ACCES_DIRECT = "/AccesDirect"
VIHF = "VIHF"  # the form field with the assertion, in base64
SITUATION, MODE, MOTIF, OID = "situation", "mode", "motif", "oid"  # of the address
MAX_MOTIF = 1000  # characters


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. `posted`: the VIHF is in a form; `given` are the fields of address and form."""

    environ: Environ
    call: Call
    posted: bool
    given: Mapping[str, str]
    ins: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a professional. `patient` is whom the address names.

    `choice` are the situations to choose from, of a holder of several who chose none: nothing but the choice may be
    shown then. `vihf` is the assertion, in base64, of a requester who came with one.
    """

    requester: Requester
    call: Call
    patient: PatientId | None
    situations: tuple[Situation, ...] = ()
    chosen: bool = True
    carried: dict[str, str] = field(default_factory=dict)
    vihf: str = ""
    oid: str = ""  # as the address gave it: without one, the same patient is meant again

    def link(self, page: str, patient: PatientId | None = None, /, *more: str, **query: object) -> str:
        """The address of a page, with what this visit carries on and the fields of `query` that say something."""
        parts = (page, *((patient.value,) if patient else ()), *more)
        oid = "" if patient is None else self.oid if patient == self.patient else patient.authority
        asked = {OID: oid, **query}
        said = self.carried | {name: str(value) for name, value in asked.items() if value not in (None, "", False)}
        path = "/".join(quote(part, safe="") for part in parts)
        return f"{ACCES_DIRECT}/{path}" + (f"?{urlencode(said)}" if said else "")


def arrive(door: Door, asked: Asked) -> Visit:
    """Who asks and about whom. Raises UnknownRequesterError or UnreadableError; whatever it raises is recorded here."""
    call, requester = asked.call, None
    try:
        client = door.client(asked.environ)
        call = replace(call, client_certificate=client.subject)
        visit = _by_vihf(door, asked, call) if asked.posted else _by_card(door, asked, call, client)
        requester = visit.requester
        if not asked.posted:  # a VIHF says it itself
            visit = _in_mode(visit, asked.given)
        patient = _patient(door, asked, requester)
    except UnknownRequesterError as no:
        door.refused(call, no.reason, None)
        raise
    except UnreadableError as no:
        door.refused(call, no.reason, requester)
        raise
    except Exception as failure:
        door.failed(call, type(failure).__name__, requester)
        raise
    requester = replace(visit.requester, patient=visit.requester.patient or patient)
    return replace(visit, requester=requester, patient=patient, oid=asked.given.get(OID, ""))


def _by_card(door: Door, asked: Asked, call: Call, client: Client) -> Visit:
    """The holder of the card, in the one situation there is or the one the address names."""
    if not client.id_nat:
        raise UnknownRequesterError("TLS client certificate: expected that of a card, got a structure's", NO_CARD)
    situations = door.situations(client)
    chosen = _chosen(situations, asked.given.get(SITUATION, ""))
    situation = chosen or replace(situations[0], structure_id="", structure_name="", sector="")
    requester = situation.held_by(client.id_nat, client.family, client.given, client.subject)
    carried = {SITUATION: situation.key} if chosen and len(situations) > 1 else {}
    return Visit(requester, call, None, situations, chosen is not None, carried)


def _chosen(situations: Sequence[Situation], key: str) -> Situation | None:
    """The situation of that key, or of that structure where there is one alone."""
    found = [each for each in situations if key in (each.key, each.structure_id)] if key else situations
    return found[0] if len(found) == 1 else None


def _in_mode(visit: Visit, given: Mapping[str, str]) -> Visit:
    """The visit in the access mode that the address claims; a reason for breaking the glass is asked for later."""
    claimed, motif = given.get(MODE) or ModeAcces.NORMAL.value, given.get(MOTIF, "").strip()
    if claimed not in {each.value for each in ModeAcces}:
        expected = ", ".join(each.value for each in ModeAcces)
        raise UnreadableError(f"mode: expected one of {expected}, got another", "Ce mode d'accès n'existe pas.")
    if len(motif) > MAX_MOTIF:
        told = f"Le motif d'accès a {MAX_MOTIF} caractères au plus."
        raise UnreadableError(f"motif: expected at most {MAX_MOTIF} characters, got {len(motif)}", told)
    mode = ModeAcces(claimed)
    if mode is ModeAcces.NORMAL:
        return visit
    carried = {**visit.carried, MODE: claimed, **({MOTIF: motif} if motif else {})}
    return replace(visit, requester=replace(visit.requester, mode_acces=mode, motif=motif), carried=carried)


def _by_vihf(door: Door, asked: Asked, call: Call) -> Visit:
    text = asked.given.get(VIHF, "")
    if not text:
        told = "Cette demande doit porter l'assertion VIHF de la structure, dans le champ VIHF."
        raise UnknownRequesterError(f"form: expected a field {VIHF}, got none", told)
    try:
        assertion = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        told = "L'assertion VIHF n'est pas en base64."
        raise UnknownRequesterError(f"form: expected base64 in the field {VIHF}, got something else", told) from None
    requester = door.air(asked.environ, assertion, call)
    return Visit(requester, call, None, vihf=base64.b64encode(assertion).decode("ascii"))


def _patient(door: Door, asked: Asked, requester: Requester) -> PatientId | None:
    """Whom the address names: under the OID given, that of the assertion, or the one that is known."""
    if not asked.ins:
        return None
    try:
        value = read_ins(asked.ins)
    except InsError as error:
        raise UnreadableError(str(error), "L'adresse ne contient pas un INS lisible.", 404) from None
    oid, claimed = asked.given.get(OID, ""), requester.patient
    if not oid and claimed is not None and claimed.value == value:
        return claimed
    patient = door.patient(value, oid)
    if patient is None:
        expected = "oid: expected an authority of the domain, got another"
        raise UnreadableError(expected, "Cet OID n'est pas celui d'un identifiant de patient connu ici.", 404)
    return patient
