"""One attempt to deliver a message: a POST to the address of a SOAP message, or to the gateway for SMS.

A POST goes straight to where the operator lets it go: no proxy, no redirect.

Source: RFC 9110 §9.3.3 (POST), §15 (status codes).
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from ssl import SSLContext
from typing import BinaryIO

from hl7v2.er7 import read_er7
from hl7v2.errors import Hl7Error
from hl7v2.mllp import Frames, write_frame
from ihe.reply import Address
from server.channels import SecretError, SmsGateway, read_secret
from server.hl7_settings import Acknowledged
from server.outbox import Letter

TIMEOUT_SECONDS = 60.0  # for each step: connecting, writing a block, reading the answer
BLOCK_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 1024 * 1024  # of a receiver's answer, which is read and forgotten
# Answers of a gateway that are not about this one message: our token, too late, too many.
NOT_ABOUT_THE_MESSAGE = frozenset({401, 403, 407, 408, 425, 429})


class Outcome(Enum):
    """How an attempt went."""

    ARRIVED = "arrived"
    REFUSED = "refused"  # and will be each time
    FAILED = "failed"  # and may go well another time


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it went, and the status that came or the name of what went wrong: nothing that a receiver wrote."""

    outcome: Outcome
    got: str


_ACKNOWLEDGED = {  # HL7 table 0008
    **dict.fromkeys(("AA", "CA"), Outcome.ARRIVED),
    **dict.fromkeys(("AE", "CE"), Outcome.REFUSED),
    **dict.fromkeys(("AR", "CR"), Outcome.FAILED),
}


def post_soap(destination: Address, letter: Letter, context: Callable[[], SSLContext]) -> Attempt:
    """POSTs a SOAP message; `context` makes the TLS context of a connection. Anything but 2xx may go well later."""
    try:
        status = _post(destination, letter, {}, context)
    except (OSError, http.client.HTTPException) as error:
        return Attempt(Outcome.FAILED, type(error).__name__)
    return Attempt(Outcome.ARRIVED if 200 <= status < 300 else Outcome.FAILED, str(status))


def sms_body(number: str, text: str) -> bytes:
    """What the gateway is told: a JSON object of `to` and `text`."""
    return json.dumps({"to": number, "text": text}, ensure_ascii=False).encode()


def post_sms(gateway: SmsGateway, letter: Letter) -> Attempt:
    """POSTs an SMS to the gateway. 4xx is a refusal for good, unless it is not about the message."""
    headers = {"Idempotency-Key": f'"{letter.id}"'}  # a gateway that knows it sends nothing twice
    try:
        if gateway.token_file is not None:
            headers["Authorization"] = f"Bearer {read_secret(gateway.token_file)}"
        status = _post(gateway.url, letter, headers, ssl.create_default_context)
    except (OSError, http.client.HTTPException, SecretError) as error:
        return Attempt(Outcome.FAILED, type(error).__name__)
    if 200 <= status < 300:
        return Attempt(Outcome.ARRIVED, str(status))
    refused = 400 <= status < 500 and status not in NOT_ABOUT_THE_MESSAGE
    return Attempt(Outcome.REFUSED if refused else Outcome.FAILED, str(status))


def post_content(destination: Address, content: bytes, content_type: str, context: Callable[[], SSLContext]) -> int:
    """The status that comes for a POST of `content`. Raises OSError, HTTPException."""
    return _posted(destination, content, {"Content-Type": content_type, "Content-Length": str(len(content))}, context)


def post_mllp(receiver: Acknowledged, letter: Letter, context: Callable[[], SSLContext]) -> Attempt:
    """Sends an HL7 v2 message, and waits for its acknowledgement: AE and CE are a refusal for good.

    Source: HL7, Transport Specification: MLLP, Release 1; HL7 table 0008.
    """
    try:
        with (
            socket.create_connection((receiver.host, receiver.port), TIMEOUT_SECONDS) as plain,
            context().wrap_socket(plain, server_hostname=receiver.host) as connection,
        ):
            connection.sendall(write_frame(letter.file.read_bytes()))
            frames, whole = Frames(MAX_ANSWER_BYTES), list[bytes]()
            wrong = None
            while not whole and wrong is None and (data := connection.recv(BLOCK_BYTES)):
                whole, wrong = frames.feed(data)
        code = _acknowledged(whole[0]) if whole else ""
    except (OSError, Hl7Error) as error:
        return Attempt(Outcome.FAILED, type(error).__name__)
    return Attempt(_ACKNOWLEDGED.get(code, Outcome.FAILED), code if code in _ACKNOWLEDGED else "no acknowledgement")


def _acknowledged(answer: bytes) -> str:
    """MSA-1. Raises Hl7Error for what is no message."""
    msa = read_er7(answer).first("MSA")
    return msa.text(1) if msa else ""


def _post(destination: Address, letter: Letter, headers: Mapping[str, str], context: Callable[[], SSLContext]) -> int:
    described = {"Content-Type": letter.content_type, "Content-Length": str(letter.file.stat().st_size)}
    with letter.file.open("rb") as body:
        return _posted(destination, body, {**described, **headers}, context)


def _posted(
    destination: Address, body: bytes | BinaryIO, headers: Mapping[str, str], context: Callable[[], SSLContext]
) -> int:
    connection = _connection(destination, context)
    try:
        connection.request("POST", destination.target, body=body, headers=headers)
        response = connection.getresponse()
        response.read(MAX_ANSWER_BYTES)
        return response.status
    finally:
        connection.close()


def _connection(destination: Address, context: Callable[[], SSLContext]) -> http.client.HTTPConnection:
    host, port = destination.host, destination.port
    if destination.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS, blocksize=BLOCK_BYTES)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context(), blocksize=BLOCK_BYTES)
