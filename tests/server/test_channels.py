"""Settings of mail and SMS: whole or not at all, and everything that is missing said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.channels import SecretError, Security, SmsGateway, Smtp, read_secret
from server.settings import Settings, SettingsError, load

SENDER = "dmp@dmp.example"


def settings(home: Path, **flags: str) -> Settings:
    return load({"home": home, **flags}, {})


def problems(home: Path, **flags: str) -> list[str]:
    """What is wrong, by the name of the setting."""
    with pytest.raises(SettingsError) as raised:
        settings(home, **flags)
    return sorted(problem.partition(":")[0] for problem in raised.value.problems)


def test_nobody_is_told_unless_the_settings_say_so(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert (found.smtp, found.sms_gateway, found.sends) == (None, None, False)


def test_mail_leaves_by_starttls_unless_said_otherwise(tmp_path: Path) -> None:
    found = settings(tmp_path, smtp="Relais.example:587", mail_from=SENDER)
    assert found.smtp == Smtp("relais.example", 587, Security.STARTTLS, SENDER)
    assert found.sends


def test_all_of_it_from_the_file_and_variables(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        f'smtp = "[::1]:465"\nsmtp_security = "tls"\nsmtp_user = "dmp"\nmail_from = "{SENDER}"\n'
        'sms_gateway = "https://sms.example/v1/send"\n'
    )
    variables = {"DMP_SMTP_PASSWORD_FILE": "smtp.password", "DMP_SMS_TOKEN_FILE": "/run/secrets/sms"}
    found = load({"home": tmp_path}, variables)
    assert found.smtp == Smtp("::1", 465, Security.TLS, SENDER, "dmp", tmp_path / "smtp.password")
    assert found.smtp.base == "smtp://[::1]:465"
    assert isinstance(found.sms_gateway, SmsGateway)
    assert found.sms_gateway.url.base == "https://sms.example:443"
    assert found.sms_gateway.token_file == Path("/run/secrets/sms")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"smtp": "a.example:25"}, ["mail_from"]),
        ({"mail_from": SENDER}, ["smtp"]),
        ({"smtp_security": "tls"}, ["mail_from", "smtp"]),
        ({"smtp_user": "dmp"}, ["mail_from", "smtp", "smtp_password_file"]),
        ({"smtp": "a.example:25", "mail_from": SENDER, "smtp_password_file": "x"}, ["smtp_user"]),
        ({"smtp": "a.example", "smtp_security": "ssl", "mail_from": "dmp"}, ["mail_from", "smtp", "smtp_security"]),
        ({"smtp": "a.example:25", "mail_from": SENDER, "smtp_security": "none"}, ["smtp_security"]),
        (
            {"smtp": "a.example:25", "mail_from": SENDER, "smtp_user": "é", "smtp_password_file": "x"},
            ["smtp_user"],
        ),
        ({"sms_token_file": "x"}, ["sms_gateway"]),
        ({"sms_gateway": "http://sms.example/"}, ["sms_gateway"]),
        ({"sms_gateway": "https://user@sms.example/"}, ["sms_gateway"]),
        ({"sms_token_file": "x", "smtp_user": "dmp"}, ["mail_from", "sms_gateway", "smtp", "smtp_password_file"]),
    ],
)
def test_half_a_channel_is_refused_with_all_that_is_missing(
    tmp_path: Path, given: dict[str, str], wrong: list[str]
) -> None:
    assert problems(tmp_path, **given) == wrong


@pytest.mark.parametrize(
    "server",
    [
        "",
        "a",
        ":25",
        "a:0",
        "a:65536",
        "a:25/x",
        "a:25?x:25",
        "u@a:25",
        "a b:25",
        "a:25\r\n",
        "a..b:25",
        "::1:25",
        "é:25",
    ],
)
def test_a_mail_server_is_a_host_and_a_port(tmp_path: Path, server: str) -> None:
    assert problems(tmp_path, smtp=server, mail_from=SENDER) == ["smtp"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_on_this_machine_mail_and_sms_may_leave_in_clear(tmp_path: Path, host: str) -> None:
    found = settings(
        tmp_path, smtp=f"{host}:25", smtp_security="none", mail_from=SENDER, sms_gateway=f"http://{host}:8000/sms"
    )
    assert found.smtp is not None
    assert found.smtp.security is Security.NONE
    assert found.sms_gateway is not None


def test_a_server_says_which_secrets_it_cannot_use(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("two\nlines\n")
    found = settings(
        tmp_path,
        domain="ihe-connectathon",
        http="127.0.0.1:1",
        smtp="a.example:587",
        mail_from=SENDER,
        smtp_user="dmp",
        smtp_password_file="password",
        sms_gateway="https://sms.example/",
        sms_token_file="token",
    )
    with pytest.raises(SettingsError) as raised:
        found.check_serving()
    first, second = raised.value.problems
    assert first == f"smtp_password_file: {tmp_path}/password: expected a file to read, got: No such file or directory"
    assert second.startswith(f"sms_token_file: {tmp_path}/token: expected one line of visible ASCII")
    assert "two" not in second
    (tmp_path / "password").write_text("pass phrase\n")
    (tmp_path / "token").write_text("t0ken\r\n")
    found.check_serving()


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"a\rb", b"a\x00b", "é".encode(), b"\xff"])
def test_a_secret_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SecretError, match="expected one line"):
        read_secret(tmp_path / "secret")
