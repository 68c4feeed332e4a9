"""`dmp cda sign` and `dmp cda verify`: a document inside its signature, and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from cda.errors import CdaError
from cda.signature import sign as sign_document
from cda.signature import verify as verify_document
from ihe.certificates import CertificateError, TrustStore, TrustStoreError
from server.commands import Json, UsageError, answering, show
from server.commands.cda_render import chunks_of, write_file
from server.house import now


def sign(
    file: Annotated[Path, typer.Argument(help="The document.", metavar="FILE")],
    key: Annotated[Path, typer.Option(help="The signer's private key, PEM without password.", metavar="FILE")],
    certificate: Annotated[Path, typer.Option(help="The signer's certificate, PEM.", metavar="FILE")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the signed document goes.", metavar="FILE")],
    as_json: Json = False,
) -> None:
    """Sign a document: XAdES-BES around it, with ds:Signature as its root."""
    with answering(as_json):
        document, private, public = (b"".join(chunks_of(path)) for path in (file, key, certificate))
        try:
            holder = x509.load_pem_x509_certificate(public).subject.rfc4514_string()
            signed = sign_document(document, private, public, now())
        except CdaError:
            raise
        except (ValueError, TypeError) as error:
            raise UsageError(f"--key, --certificate: expected PEM of one signer, got: {error}") from None
        try:
            verify_document(signed)
        except CdaError:
            raise UsageError("--key: expected the key of the certificate, got another") from None
        write_file(output, signed)
        show(as_json, {"output": output, "signer": holder}, lambda: typer.echo(f"{output} : signé par {holder}."))


def verify(
    file: Annotated[Path, typer.Argument(help="The signed document.", metavar="FILE")],
    anchors: Annotated[
        Path | None,
        typer.Option(
            help="CA certificates, PEM: whose signature is to be believed. Default: anybody's.", metavar="FILE"
        ),
    ] = None,
    crl: Annotated[Path | None, typer.Option(help="Their revocation lists, PEM.", metavar="FILE")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the document that was signed goes.", metavar="FILE")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify the signature of a document, and with --anchors whom its certificate names. Exit code 1 when it fails."""
    with answering(as_json):
        found = verify_document(b"".join(chunks_of(file)))
        certificate = x509.load_der_x509_certificate(found.certificate)
        if anchors is not None:
            _believe(certificate, anchors, crl)
        if output is not None:
            write_file(output, found.document)
        holder = certificate.subject.rfc4514_string()
        said = {"signer": holder, "signed_at": found.at, "trusted": anchors is not None, "output": output}
        words = "" if anchors is not None else ", dont le certificat n'a pas été jugé (--anchors)"
        show(as_json, said, lambda: typer.echo(f"{file} : signé par {holder} le {found.at}{words}."))


def _believe(certificate: x509.Certificate, anchors: Path, crl: Path | None) -> None:
    """Raises CdaError for a certificate that no anchor stands behind now, UsageError for anchors that are none."""
    try:
        TrustStore.load(anchors, crl).chained(certificate, instant=now())
    except TrustStoreError as error:
        raise UsageError(f"--anchors, --crl: {error}") from None
    except CertificateError as error:
        raise CdaError(error.expected, error.got, "ds:Signature, certificate") from None
