"""What a verified token claims, as the one Requester that a VIHF or an XUA assertion gives.

Three shapes are read: the extensions of IUA, in a domain of IHE and in the DMP; in the DMP also the claims of Pro Santé
Connect. What IUA has no claim for stands in an extension of our own, `dmp`, by the names of the VIHF. Whoever is not
our own authorisation server is believed as a structure is in the enhanced indirect mode (AIR), and no other.

Source: ITI TF-2 Tables 3.71.4.2.2.1.1-1 and 3.71.4.2.2.1.2-1 (claims and attributes of XUA); CI-SIS, volet Transport
synchrone (VIHF); ANS, Pro Santé Connect (userInfo).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from identities.id_nat import IdNatError, check_ps_id_nat, check_struct_id_nat
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from identities.role import Role, RoleError, read_role
from pdsm.bearer import Token, text_of
from pdsm.errors import TokenError
from schemas import oids

IUA, BPPC, DMP = "ihe_iua", "ihe_bppc", "dmp"
OID_URI = "urn:oid:"
MODE, SECTOR, REASON = "Authentification_Mode", "Secteur_Activite", "Mode_Acces_Raison"  # attributes of the VIHF
PSC = "SubjectNameID"  # Pro Santé Connect's own claim, which tells its tokens
NOT_REGULATION = "FAUX"  # Acces_Regulation_Medicale
_CX = re.compile(r"(?P<id>[^\s^~|&]{1,64})\^\^\^&(?P<oid>[0-2](?:\.(?:0|[1-9][0-9]*))+)&ISO(?:\^[A-Z]{1,8})?", re.ASCII)
_IDENTIFIER = re.compile(r"urn:oid:(?P<oid>[0-2](?:\.(?:0|[1-9][0-9]*))+)\|(?P<id>[^\s^~|&]{1,64})", re.ASCII)
_CODE = re.compile(r"[^\s\x00-\x1f]{1,128}")
_STRUCTURE_NUMBERS = (  # of an activity, and the type digit of Struct_IdNat: as in the Annuaire Santé
    ("numeroFinessSite", "1"),
    ("numeroFinessetablissementJuridique", "1"),
    ("numeroSiretSite", "3"),
    ("numeroSirenSite", "2"),
    ("ancienIdentifiantDeLaStructure", ""),
)

Coded = tuple[str, str]
"""A code and its system."""


def ihe_requester(token: Token) -> Requester:
    """The user, or the client itself, in an IHE domain. Raises TokenError."""
    said = token.extension(IUA)
    role, purpose = _first(codings(said, "subject_role")), _first(codings(said, "purpose_of_use"))
    return Requester(
        id_nat=token.subject,
        name=text_of(said, "subject_name", optional=True) or token.subject,
        profession=role[0],
        profession_system=role[1],
        specialty="",
        structure_id=_organization(said),
        sector="",
        authentication=Authentication.XUA,
        patient=patient_of(token),
        assertion_id=token.id,
        client_id=token.client,
        issuer=token.issuer,
        purpose=purpose[0],
        purpose_system=purpose[1],
    )


def dmp_requester(token: Token, *, own: bool) -> Requester:
    """The professional in the DMP; `own` when our own authorisation server issued the token. Raises TokenError."""
    return _pro_sante_connect(token) if PSC in token.claims and not own else _professional(token, own=own)


def auditor(token: Token) -> Requester:
    """Whom the settings let read the audit log, and nothing else."""
    return Requester(
        id_nat=token.subject,
        name=token.subject,
        profession="",
        profession_system="",
        specialty="",
        structure_id="",
        sector="",
        authentication=Authentication.AUDITEUR,
        assertion_id=token.id,
        client_id=token.client,
        issuer=token.issuer,
    )


def patient_of(token: Token) -> PatientId | None:
    """The patient whom the token is for, None when for no one in particular. Raises TokenError.

    Whom both extensions name is one; who cannot be read is nobody's patient, and refused.
    """
    named = {
        _patient(text)
        for text in (
            text_of(token.extension(IUA), "person_id", optional=True),
            text_of(token.extension(BPPC), "patient_id", optional=True),
        )
        if text
    }
    if len(named) > 1:
        raise TokenError("token person_id, patient_id: expected one patient, got two")
    return named.pop() if named else None


def codings(claims: Mapping[str, Any], name: str) -> tuple[Coded, ...]:
    """A claim that is an array of FHIR Codings; a system that is an OID stands without its URN. Raises TokenError."""
    listed = claims.get(name, [])
    codes = [
        (each.get("code"), each.get("system"))
        for each in (listed if isinstance(listed, list) else [None])
        if isinstance(each, dict)
    ]
    if not isinstance(listed, list) or len(codes) != len(listed) or len(codes) > 10:
        raise TokenError(f"token {name}: expected at most 10 Codings, got something else")
    for code, system in codes:
        if not all(isinstance(each, str) and _CODE.fullmatch(each) for each in (code, system)):
            raise TokenError(f"token {name}: expected codes with their systems, got something else")
    return tuple((str(code), str(system).removeprefix(OID_URI)) for code, system in codes)


def _professional(token: Token, *, own: bool) -> Requester:
    said, beside = token.extension(IUA), token.extension(DMP)
    mode = _mode(text_of(beside, MODE, optional=True), own=own)
    structure = _struct_id_nat(text_of(said, "subject_organization_id", optional=mode is Authentication.DIRECTE))
    mode_acces, reason = _access(codings(said, "purpose_of_use"), text_of(beside, REASON, optional=True))
    identifier = text_of(said, "national_provider_identifier", optional=True) or token.subject
    return _requester(
        token,
        mode,
        id_nat=_id_nat(identifier, "" if mode is Authentication.DIRECTE else structure),
        name=text_of(said, "subject_name"),
        role=_role(codings(said, "subject_role")),
        structure_id=structure,
        sector=text_of(beside, SECTOR, optional=True).partition("^")[0],
        mode_acces=mode_acces,
        motif=reason,
    )


def _pro_sante_connect(token: Token) -> Requester:
    """Whom Pro Santé Connect names, in the activity that the token names.

    Its tokens say how somebody exercises, not in which mode they come to a dossier: one that does is not understood.
    """
    claims = token.claims
    usual = ("", NOT_REGULATION)
    if any(text_of(claims, name, optional=True) not in usual for name in (REASON, "Acces_Regulation_Medicale")):
        raise TokenError("token of Pro Santé Connect: expected normal access, got another")
    profession = _codes(claims.get("SubjectRole"))
    if len(profession) != 1:
        raise TokenError("token SubjectRole: expected one profession, got something else")
    sector = text_of(claims, SECTOR).partition("^")[0]
    structure, specialty = _activity(claims, profession[0], text_of(claims, "SubjectOrganizationID"), sector)
    names = (text_of(claims, name, optional=True) for name in ("family_name", "given_name"))
    return _requester(
        token,
        Authentication.INDIRECTE_RENFORCEE,
        id_nat=_id_nat(text_of(claims, PSC), structure),
        name=" ".join(filter(None, names)),
        role=_role([(profession[0], oids.PROFESSION), *specialty]),
        structure_id=structure,
        sector=sector,
    )


def _activity(claims: Mapping[str, Any], profession: str, place: str, sector: str) -> tuple[str, list[Coded]]:
    """The Struct_IdNat and the specialty of the one activity in that profession, structure and sector."""
    found = {
        (_structure_of(activity), _text(exercice, "codeSavoirFaire") or _text(activity, "codeSectionPharmacien"))
        for exercice in _objects(_object(claims.get("SubjectRefPro")).get("exercices"))
        if _text(exercice, "codeProfession") == profession
        for activity in _objects(exercice.get("activities"))
        if _text(activity, "codeSecteurDactivite") == sector
        and place in (_text(activity, "identifiantTechniqueDeLaStructure"), _structure_of(activity))
    }
    if len(found) != 1:
        raise TokenError("token SubjectRefPro: expected one activity that the token names, got none or several")
    structure, specialty = found.pop()
    system = oids.SPECIALITE_MEDECIN if specialty.startswith("SM") else oids.SECTION_PHARMACIEN
    return _struct_id_nat(structure), [(specialty, system)] if specialty else []


def _structure_of(activity: Mapping[str, Any]) -> str:
    numbers = (digit + number for name, digit in _STRUCTURE_NUMBERS if (number := _text(activity, name)))
    return next(numbers, "")


def _requester(token: Token, mode: Authentication, *, role: Role, **said: Any) -> Requester:
    return Requester(
        profession=role.profession,
        profession_system=role.profession_system,
        specialty=role.specialty,
        authentication=mode,
        patient=patient_of(token),
        assertion_id=token.id,
        client_id=token.client,
        issuer=token.issuer,
        **said,
    )


def _mode(text: str, *, own: bool) -> Authentication:
    """In which mode a token speaks of a professional. Only our own server vouches for cards and structures."""
    modes = {each.value: each for each in Authentication if each.french}
    mode = modes.get(text or Authentication.INDIRECTE_RENFORCEE.value)
    if mode is None or not (own or mode is Authentication.INDIRECTE_RENFORCEE):
        raise TokenError(f"token {MODE}: expected a mode that its issuer vouches for, got another")
    return mode


def _access(purposes: Sequence[Coded], reason: str) -> tuple[ModeAcces, str]:
    """How the dossier is entered: normally, unless one code of TRE_R248 says otherwise."""
    if not purposes:
        return ModeAcces.NORMAL, reason
    known = {mode.value: mode for mode in ModeAcces}
    ((code, system), *others) = purposes
    if others or system != oids.MODE_ACCES or code not in known:
        raise TokenError(f"token purpose_of_use: expected one code of {oids.MODE_ACCES}, got something else")
    if known[code] is ModeAcces.BRIS_DE_GLACE and not reason:
        raise TokenError(f"token {REASON}: expected the reason for bris_de_glace, got none")
    return known[code], reason


def _role(codes: Sequence[Coded]) -> Role:
    try:
        return read_role(codes)
    except RoleError as error:
        raise TokenError(f"token subject_role: {error.diagnostics()}") from None


def _id_nat(text: str, structure: str) -> str:
    """A PS_IdNat, or an internal identifier of that very structure ('': of none). Raises TokenError."""
    owner, slash, internal = text.partition("/")
    try:
        if slash and structure:
            if owner[1:] != structure[1:] or not internal or re.search(r"[\s/^&~|]", internal):
                raise TokenError("token sub: expected an internal identifier of this structure, got another's")
        else:
            check_ps_id_nat(text)
    except IdNatError:
        raise TokenError("token sub: expected a PS_IdNat, got something else") from None
    return text


def _struct_id_nat(text: str) -> str:
    """A Struct_IdNat, alone or behind its system. Raises TokenError."""
    value = text.removeprefix(f"{OID_URI}{oids.STRUCT_ID_NAT}|")
    try:
        if value:
            check_struct_id_nat(value)
    except IdNatError:
        raise TokenError("token subject_organization_id: expected a Struct_IdNat, got something else") from None
    return value


def _organization(said: Mapping[str, Any]) -> str:
    identifier = text_of(said, "subject_organization_id", optional=True)
    return identifier.removeprefix(OID_URI) or text_of(said, "subject_organization", optional=True)


def _patient(text: str) -> PatientId:
    """Source: ITI TF-2 3.71.4.2.2.1.2 (CX syntax, or a URL: here the token of a FHIR search)."""
    found = _CX.fullmatch(text) or _IDENTIFIER.fullmatch(text)
    if found is None:
        raise TokenError("token person_id, patient_id: expected a CX or urn:oid:OID|ID, got something else")
    return PatientId(found["id"], found["oid"])


def _first(codes: Sequence[Coded]) -> Coded:
    return codes[0] if codes else ("", "")


def _codes(value: Any) -> list[str]:
    """The codes of texts `code^system`, as Pro Santé Connect writes roles."""
    return [each.partition("^")[0] for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) else ""
