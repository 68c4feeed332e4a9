"""Where somebody is reached: an address for mail, a number for SMS.

One plain form of each is taken, so that nothing in it can mean anything else in a header, a command or a URL. Messages
of errors describe a value without giving it: it is a person's.

Source: RFC 5321 §4.1.2 (Dot-string), §4.5.3.1; RFC 1123 §2.1; ITU-T E.164 §6.
"""

from __future__ import annotations

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAIL = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+(?=[A-Za-z]){_LABEL}"  # a domain that is no IP address
)
_MAX_LOCAL, _MAX_MAIL = 64, 254  # RFC 5321 §4.5.3.1.1, and §4.5.3.1.3 without the brackets of a path
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


class ContactError(ValueError):
    """An address or number that nothing can be sent to. `got` describes what came without giving it."""

    def __init__(self, expected: str, value: str) -> None:
        self.expected, self.got = expected, f"{len(value)} other characters" if value else "nothing"
        super().__init__(f"contact: expected {expected}, got {self.got}")


def check_mail_address(value: str) -> None:
    """Whether `value` is a mail address: ASCII (a domain in its xn-- form), unquoted. Raises ContactError."""
    found = _MAIL.fullmatch(value) if len(value) <= _MAX_MAIL else None
    if found is None or len(found["local"]) > _MAX_LOCAL:
        raise ContactError("a mail address local@domain in ASCII, of 254 characters at most", value)


def check_number(value: str) -> None:
    """Whether `value` is an international telephone number, such as +33612345678. Raises ContactError."""
    if not _NUMBER.fullmatch(value):
        raise ContactError("a telephone number as + and 7 to 15 digits, the country's code first", value)
