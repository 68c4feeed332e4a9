"""Settings: command-line flags, then `DMP_*` environment variables, then one TOML file, then defaults.

`DMP_HOME` holds all state. A server that lacks something does not start: `load` and `Settings.check_serving` name every
missing thing at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from identities.id_nat import IdNatError, check_ps_id_nat, check_struct_id_nat
from ihe.reply import Address as Url
from schemas.domain import Domain, DomainError, Profile
from schemas.domain import load as load_domain
from server.address import Address as Address
from server.address import read_listening
from server.audit_keeping import DEFAULT, KEEPING_KEYS, Keeping, read_keeping
from server.audit_settings import AUDIT_KEYS, AuditSettings, read_audit
from server.channels import (
    SMS_KEYS,
    SMTP_KEYS,
    SmsGateway,
    Smtp,
    read_sms_gateway,
    read_smtp,
    receiver_url,
    secret_problems,
)
from server.hl7_settings import HL7_KEYS, Hl7Settings, read_hl7
from server.oauth_settings import OAUTH_KEYS, OAuthSettings, read_oauth

T = TypeVar("T")

PREFIX = "DMP_"
FILE_NAME = "settings.toml"
INLINE_BASE64 = 4 / 3  # a document may come inline in its SOAP message: RFC 4648 §4 makes it a third longer
ENVELOPE_BYTES = 16 * 1024 * 1024
# TLS 1.2 suites of PDT-INF-579 v4 without the CBC one; TLS 1.3 suites are OpenSSL's own.
TLS_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class SettingsError(ValueError):
    """Settings that no server can start with; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class Exposure(Enum):
    """How a request reached the application, and so what it may believe of its client."""

    TLS = "tls"  # our own TLS listener: the certificate is the socket's
    PROXY = "proxy"  # the unix socket of the configured proxy: the certificate is in its header
    LOOPBACK = "loopback"  # plain HTTP on this machine: no certificate


@dataclass(frozen=True, slots=True)
class PixConsumer:
    """Who is told of patients' changed identifiers: `address` is its URL as written."""

    url: Url
    address: str
    authorities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server runs with. Sizes in bytes; paths absolute.

    `ouverture_autorise` (PS_IdNat and Struct_IdNat values) and `ouverture_medecin_traitant` (PS_IdNat values) are let
    in when the operator opens a DMP and says nothing of who may enter. Nobody is, unless the settings say so.
    `habilitations` is a folder of tables of rights beside the shipped ones; None where there is none.
    `reply_to` lists the addresses, and what stands below them, to which answers may be sent on a connection of our own;
    none unless the settings say so. `pix_consumers` are told of patients' changed identifiers (ITI-46): each a URL, and
    after it the authorities that it is interested in, all of them when none is named. `subscription_endpoints` lists
    the addresses, and what stands below them, to which notifications of FHIR subscriptions may be sent; without any,
    nobody subscribes. `smtp` and `sms_gateway` are how people are told by mail and by SMS; they are not when None.
    `portal_address` is what such messages give as the address of the portal; '' for none. `mllp` is where HL7 v2
    messages come in, by TLS; `reports_of_results` is the domain's, unless the settings say otherwise. `audit` is what
    is done with the audit log, `keeping` how it is kept; `oauth` is whose access tokens are believed;
    `hl7` is what senders of messages may take, and who is told what.
    """

    home: Path
    domain: Domain
    database_url: str
    documents: Path
    ca: Path
    crl: Path
    server_certificate: Path
    server_key: Path
    matrice: str
    max_body_bytes: int
    habilitations: Path | None = None
    https: Address | None = None
    http: Address | None = None
    unix: Path | None = None
    mllp: Address | None = None
    reports_of_results: bool = False
    workers: int = 2
    threads: int = 8
    tls_ciphers: str = TLS_CIPHERS
    log_level: str = "info"
    ouverture_autorise: tuple[str, ...] = ()
    ouverture_medecin_traitant: tuple[str, ...] = ()
    reply_to: tuple[Url, ...] = ()
    pix_consumers: tuple[PixConsumer, ...] = ()
    subscription_endpoints: tuple[Url, ...] = ()
    smtp: Smtp | None = None
    sms_gateway: SmsGateway | None = None
    portal_address: str = ""
    audit: AuditSettings = field(default_factory=AuditSettings)
    keeping: Keeping = DEFAULT
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    hl7: Hl7Settings = field(default_factory=Hl7Settings)

    @property
    def sqlite(self) -> bool:
        """Whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")

    @property
    def needs_anchors(self) -> bool:
        """Whether something has to be verified against the anchors: TLS peers, ours or a proxy's, assertions, or seals.

        Anchors that are there are used: users of an IHE domain may come to a loopback address with assertions.
        """
        tls = self.https is not None or self.unix is not None or self.mllp is not None or self.sends_by_tls
        return tls or bool(self.oauth.server) or self.domain.assertion.profile is Profile.VIHF or self.ca.is_file()

    @property
    def sends_by_tls(self) -> bool:
        """Whether anything leaves, or audit events come, by connections on which this server shows its certificate."""
        urls = (*self.reply_to, *(consumer.url for consumer in self.pix_consumers), *self.subscription_endpoints)
        return any(url.scheme == "https" for url in urls) or self.audit.uses_tls or bool(self.hl7.acknowledged)

    @property
    def sends(self) -> bool:
        """Whether anything leaves by a connection of our own."""
        posts = self.reply_to or self.pix_consumers or self.subscription_endpoints
        return bool(posts or self.smtp or self.sms_gateway or self.hl7.acknowledged)

    def check_serving(self) -> None:
        """Raises SettingsError with everything that a server needs and does not have."""
        problems = []
        if self.https is None and self.http is None and self.unix is None:
            problems.append("no address: give --https ADDR:PORT, --http 127.0.0.1:PORT or --unix PATH")
        if self.http is not None and not self.http.loopback:
            problems.append(f"http: expected a loopback address (plain HTTP never leaves the machine), got {self.http}")
        if not self.home.is_dir():
            problems.append(f"home: {self.home} is not a folder; create it with: dmp migrate --home {self.home}")
        needed: dict[str, Path] = {}
        if self.needs_anchors:
            needed |= {"ca (anchors, PEM)": self.ca, "crl (revocation lists of every anchor, PEM)": self.crl}
        if self.https is not None or self.mllp is not None or self.sends_by_tls:
            needed |= {"server_certificate (PEM)": self.server_certificate, "server_key (PEM)": self.server_key}
        problems += [f"{name}: {path} is missing" for name, path in needed.items() if not path.is_file()]
        if self.unix is not None and not self.unix.parent.is_dir():
            problems.append(f"unix: {self.unix.parent} is not a folder")
        problems += secret_problems(self.smtp, self.sms_gateway)
        if problems:
            raise SettingsError(problems)


def load(flags: Mapping[str, object], environment: Mapping[str, str]) -> Settings:
    """The settings that flags (None: not given), environment and TOML file give together. Raises SettingsError.

    The TOML file is the flag or variable `settings`, else `settings.toml` in home when it is there.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    variables = {
        key[len(PREFIX) :].lower(): value for key, value in environment.items() if key.startswith(PREFIX) and value
    }
    variables = {name: value for name, value in variables.items() if name in _NAMES}
    values: dict[str, object] = {**variables, **given}
    if "home" not in values:
        raise SettingsError(["home: expected --home DIR or DMP_HOME (the folder that holds all state), got neither"])
    home = Path(str(values["home"])).expanduser().absolute()
    reader = _Reader({**_file(home, values.pop("settings", None)), **values}, home)
    return reader.settings()


def _file(home: Path, named: object) -> dict[str, Any]:
    path = Path(str(named)) if named is not None else home / FILE_NAME
    if named is None and not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"{path}: {error}"]) from None
    unknown = sorted(values.keys() - _NAMES - {"home"})
    if unknown or "home" in values:
        extra = [*unknown, *(["home"] if "home" in values else [])]
        raise SettingsError([f"{path}: expected keys among {', '.join(sorted(_NAMES))}, got {', '.join(extra)}"])
    return values


_OF_ONE_PREFIX = {"audit", "keeping", "oauth", "hl7"}  # fields made of several settings
_NAMES = (
    {each.name for each in fields(Settings)} - _OF_ONE_PREFIX
    | AUDIT_KEYS
    | KEEPING_KEYS
    | SMTP_KEYS
    | SMS_KEYS
    | OAUTH_KEYS
    | HL7_KEYS
)
_NAMES |= {"settings"}


class _Reader:
    """Reads each value once and collects what is wrong."""

    def __init__(self, values: dict[str, object], home: Path) -> None:
        self._values, self._home, self._problems = values, home, list[str]()

    def settings(self) -> Settings:
        domain = self._read("domain", "fr-dmp", lambda text: load_domain(str(text)))
        body = int(domain.max_document_bytes * INLINE_BASE64) + ENVELOPE_BYTES if domain else 1
        database = self._read("database_url", f"sqlite:///{self._home / 'dmp.db'}", _database_url)
        found = {
            "documents": self._path("documents", "documents"),
            "ca": self._path("ca", "ca.pem"),
            "crl": self._path("crl", "crl.pem"),
            "server_certificate": self._path("server_certificate", "server.pem"),
            "server_key": self._path("server_key", "server.key"),
            "matrice": self._read("matrice", domain.matrice if domain else "", str),
            "max_body_bytes": self._read("max_body_bytes", body, _positive),
            "habilitations": self._tables_folder(),
            "https": self._read("https", None, read_listening),
            "http": self._read("http", None, read_listening),
            "unix": self._path("unix", None),
            "mllp": self._read("mllp", None, read_listening),
            "reports_of_results": self._read("reports_of_results", bool(domain and domain.reports_of_results), _flag),
            "workers": self._read("workers", 2, _positive),
            "threads": self._read("threads", 8, _positive),
            "tls_ciphers": self._read("tls_ciphers", TLS_CIPHERS, str),
            "log_level": self._read("log_level", "info", _level),
            "ouverture_autorise": self._read("ouverture_autorise", (), _identifiers),
            "ouverture_medecin_traitant": self._read("ouverture_medecin_traitant", (), _persons),
            "reply_to": self._read("reply_to", (), _urls),
            "pix_consumers": self._read("pix_consumers", (), _pix_consumers),
            "subscription_endpoints": self._read("subscription_endpoints", (), _urls),
            "smtp": read_smtp(self._values, self._home, self._problems),
            "sms_gateway": read_sms_gateway(self._values, self._home, self._problems),
            "portal_address": self._read("portal_address", "", _web_address),
            "audit": read_audit(self._values, self._problems),
            "keeping": read_keeping(self._values, self._home, self._problems),
            "oauth": read_oauth(self._values, self._problems),
            "hl7": read_hl7(self._values, self._problems),
        }
        if self._problems or domain is None or database is None:
            raise SettingsError(self._problems)
        return Settings(home=self._home, domain=domain, database_url=database, **found)  # type: ignore[arg-type]

    def _read(self, name: str, default: object, convert: Callable[[object], T]) -> T | None:
        value = self._values.get(name, default)
        if value is None:
            return None
        try:
            return convert(value)
        except DomainError as error:
            self._problems.append(str(error))
        except ValueError as error:
            self._problems.append(f"{name}: expected {error}, got {value}")
        return None

    def _tables_folder(self) -> Path | None:
        """The folder of tables that was named, which must be there; else the one in home, where there is one."""
        named = self._path("habilitations", None)
        if named is None:
            usual = self._home / "habilitations"
            return usual if usual.exists() else None
        if not named.is_dir():
            self._problems.append(f"habilitations: expected a folder of tables, got {named}")
        return named

    def _path(self, name: str, default: str | None) -> Path | None:
        value = self._values.get(name, default)
        return None if value is None else self._home / Path(str(value)).expanduser()


def _flag(value: object) -> bool:
    """A TOML boolean, or a text that is one."""
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _positive(value: object) -> int:
    text = str(value)
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("a whole number from 1")
    return int(text)


def _identifiers(value: object) -> tuple[str, ...]:
    """A list, or as a variable texts separated by commas: each a PS_IdNat or a Struct_IdNat."""
    listed = value if isinstance(value, list | tuple) else str(value).split(",")
    found = tuple(str(each).strip() for each in listed if str(each).strip())
    for each in found:
        if not (_holds(check_ps_id_nat, each) or _holds(check_struct_id_nat, each)):
            raise ValueError(f"PS_IdNat and Struct_IdNat values ({each} is neither)")
    return found


def _persons(value: object) -> tuple[str, ...]:
    found = _identifiers(value)
    for each in found:
        if not _holds(check_ps_id_nat, each):
            raise ValueError(f"PS_IdNat values ({each} is none)")
    return found


def _urls(value: object) -> tuple[Url, ...]:
    """A list, or as a variable texts separated by commas: each an https URL, or an http one of this machine."""
    listed = value if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(receiver_url(str(each).strip()) for each in listed if str(each).strip())


def _web_address(value: object) -> str:
    """The address of a site, as it is written, or nothing."""
    text = str(value).strip()
    if text:
        receiver_url(text)
    return text


def _pix_consumers(value: object) -> tuple[PixConsumer, ...]:
    """A list, or as a variable texts separated by commas: each a URL, then OIDs of authorities."""
    listed = value if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(_pix_consumer(str(each).split()) for each in listed if str(each).strip())


def _pix_consumer(words: list[str]) -> PixConsumer:
    address, *authorities = words
    for authority in authorities:
        if not re.fullmatch(r"[0-2](\.(0|[1-9][0-9]*))+", authority):
            raise ValueError(f"a URL and OIDs of authorities ({authority} is none)")
    return PixConsumer(receiver_url(address), address, frozenset(authorities))


def _holds(check: Callable[[str], None], value: str) -> bool:
    try:
        check(value)
    except IdNatError:
        return False
    return True


def _level(value: object) -> str:
    level = str(value).lower()
    if level not in {"debug", "info", "warning", "error"}:
        raise ValueError("debug, info, warning or error")
    return level


def _database_url(value: object) -> str:
    url = str(value)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("sqlite:///FILE or postgresql+psycopg://...")
    return url
