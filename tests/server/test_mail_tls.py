"""Mail and SMS over TLS: encrypted, to whom the machine trusts, or not at all."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest
import structlog
from telling import SENDER, Place

from conformance.pki import Pki, ec_key, reused
from ihe.reply import read_address
from server.channels import Security, SmsGateway, Smtp
from server.courier import Courier
from tests.mailbox import Mailbox, mailbox
from tests.receiver import receiving


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.create(tmp_path_factory.mktemp("pki"), key_maker=reused(ec_key))


@pytest.fixture
def server_context(pki: Pki) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pki.folder / "server.pem", pki.folder / "server.key")
    return made


@pytest.fixture
def trusted(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test PKI is in this machine's trust store."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.folder / "ca.pem"))


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # of TLS from the start aiosmtpd knows not
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.usefixtures("trusted")
def test_mail_leaves_encrypted_and_logged_in(place: Place, server_context: ssl.SSLContext, security: Security) -> None:
    password = place.outbox.folder.parent / "password"
    password.write_text("mot de passe\n")
    with mailbox(passwords={"dmp": "mot de passe"}, **{security: server_context}) as box:
        smtp = Smtp("localhost", box.port, security, SENDER, "dmp", password)
        place.courier = Courier(place.outbox, ssl.create_default_context, smtp)
        place.mail()
        password.write_text("faux\n")
        with structlog.testing.capture_logs() as logs:
            assert place.carry() == [False]
        assert logs[0]["got"] == "SMTPAuthenticationError 535"
        assert "faux" not in str(logs)
        password.unlink()
        place.make_due()
        assert place.carry() == [False]
        password.write_text("mot de passe\n")  # is read again each time
        place.make_due()
        assert place.carry() == [True]
        (mail,) = box.mails
        assert (mail.encrypted, mail.user) == (True, "dmp")


@pytest.mark.usefixtures("trusted")
def test_mail_does_not_leave_in_clear_when_the_server_knows_no_tls(place: Place, box: Mailbox) -> None:
    assert place.smtp is not None
    for security in (Security.STARTTLS, Security.TLS):
        smtp = replace(place.smtp, security=security)
        place.courier = Courier(place.outbox, ssl.create_default_context, smtp)
        place.mail()
        assert place.carry() == [False]
    assert (box.mails, box.attempts) == ([], 0)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_mail_does_not_leave_for_a_server_that_nobody_vouches_for(
    place: Place, server_context: ssl.SSLContext, security: Security
) -> None:
    with mailbox(**{security: server_context}) as box:
        place.courier = Courier(place.outbox, ssl.create_default_context, Smtp("localhost", box.port, security, SENDER))
        place.mail()
        with structlog.testing.capture_logs() as logs:
            assert place.carry() == [False]
        assert logs[0]["got"] == "SSLCertVerificationError"
        assert box.mails == []


@pytest.mark.usefixtures("trusted")
def test_the_gateway_is_spoken_to_over_tls(place: Place, server_context: ssl.SSLContext) -> None:
    with receiving(context=server_context) as secure:
        place.courier = Courier(place.outbox, ssl.create_default_context, None, SmsGateway(read_address(secure.url)))
        place.sms()
        assert place.carry() == [True]
        (posted,) = secure.posted
        assert posted.certificate is None  # the server's own certificate is for nodes of the health domain
        assert "Authorization" not in posted.headers
