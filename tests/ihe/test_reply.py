"""Where answers go. Source: Web Services Addressing 1.0, Core §3.4, SOAP Binding §6.4; RFC 3986; ITI TF-2 V.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ihe_wire import MESSAGE_ID, envelope

from ihe.identifiers import WSA_ANONYMOUS, WSA_NONE
from ihe.mime import Outgoing
from ihe.reply import Address, AddressError, NoOutbox, exchange_key, permitted, read_address, routes
from ihe.soap import ON_CONNECTION, SoapError, read_header
from schemas.xml import parse

HERE = "https://receiver.example:8443/xds"
PREFIXES = [read_address(HERE), read_address("http://127.0.0.1:9000")]


class Post(NoOutbox):
    """An outbox that delivers where PREFIXES say."""

    @property
    def empty_handed(self) -> bool:
        return False

    def accepts(self, address: str) -> bool:
        return permitted(address, PREFIXES) is not None

    def post(self, address: str, outgoing: Outgoing, key: str) -> None: ...


# --- Addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example", Address("https", "a.example", 443, "/")),
        ("HTTPS://A.Example/X?y=1", Address("https", "a.example", 443, "/X", "?y=1")),
        ("http://127.0.0.1:80/", Address("http", "127.0.0.1", 80, "/")),
        ("http://[0:0::1]:8080/a/b;c=d", Address("http", "::1", 8080, "/a/b;c=d")),
        ("https://a.example?x", Address("https", "a.example", 443, "/", "?x")),
        ("https://a.example/caf%C3%A9", Address("https", "a.example", 443, "/caf%C3%A9")),
    ],
)
def test_addresses_are_normalised(text: str, address: Address) -> None:
    assert read_address(text) == address
    assert read_address(f"{address.base}{address.target}") == address


@pytest.mark.parametrize(
    "text",
    [
        "", "receiver", "//a.example/", "ftp://a.example/", "urn:uuid:1", "mailto:a@a.example", "file:///etc/passwd",
        "https://", "https:///x", "https://a.example:0/", "https://a.example:65536/", "https://a.example:x/",
        "https://user@a.example/", "https://user:secret@a.example/", "https://a.example@evil.example/",
        "https://a.example/#f", "https://a.example/ x", "https://a.example/\r\nHost: evil", "https://a.example\\@evil/",
        "https://a.example/../x", "https://a.example/x/..", "https://a.example/./x", "https://a.example/..;/x",
        "https://a.example/%2e%2e/x", "https://a.example/x%2Fy", "https://a.example/%5cx", "https://a.example/%zz",
        "https://[::1", "https://[12345::]/", "https://[v1.x]/", "https://é.example/", "https://a.example/é",
        "https://a.example/" + "x" * 2000, "https://a..example/", f"https://{'a' * 64}.example/",
    ],
)  # fmt: skip
def test_texts_that_are_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        read_address(text)
    assert permitted(text, PREFIXES) is None


@pytest.mark.parametrize(
    "text",
    [HERE, f"{HERE}/", f"{HERE}/a/b?c=d", "HTTPS://RECEIVER.example:8443/xds/", "http://127.0.0.1:9000/anything"],
)
def test_what_stands_below_a_prefix_is_permitted(text: str) -> None:
    assert permitted(text, PREFIXES) == read_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://receiver.example:8443/xds", "https://receiver.example/xds", "https://receiver.example:8444/xds",
        "https://receiver.example.:8443/xds", "https://evil.receiver.example:8443/xds", "https://receiver.example:8443/",
        "https://receiver.example:8443/xds2", "https://receiver.example:8443/XDS", "https://receiver.example:8443//xds",
        "https://receiver.example:8443/xds/../admin", "https://receiver.example:8443/xds/%2e%2e/admin",
        "https://user@receiver.example:8443/xds", "https://receiver.example:8443@evil.example/xds",
        "http://localhost:9000/", "http://127.1:9000/", "http://2130706433:9000/", "http://0x7f000001:9000/",
        "http://127.0.0.1:9001/", "http://[::ffff:127.0.0.1]:9000/", WSA_ANONYMOUS, WSA_NONE,
    ],
)  # fmt: skip
def test_nothing_else_is(text: str) -> None:
    assert permitted(text, PREFIXES) is None


@given(st.text(max_size=60))
def test_what_is_permitted_goes_to_a_listed_place(text: str) -> None:
    for tried in (text, f"{HERE}{text}", f"https://{text}receiver.example:8443/xds"):
        found = permitted(tried, PREFIXES)
        if found is not None:
            assert (found.scheme, found.host, found.port) == ("https", "receiver.example", 8443)
            assert found.path == "/xds" or found.path.startswith("/xds/")


@given(st.lists(st.sampled_from(["..", ".", "..;x", "%2e%2e", "%2E.", "a", "a.b", "...", ""]), max_size=4))
def test_a_path_never_climbs(segments: list[str]) -> None:
    climbs = any(segment in ("..", ".", "..;x") or "%" in segment for segment in segments)
    assert (permitted("/".join([HERE, *segments]), PREFIXES) is None) == climbs


# --- Routes -----------------------------------------------------------------------------------------------------------


def header(*, reply_to: str = "", fault_to: str = "", message_id: bool = True) -> object:
    blocks = f"<wsa:FaultTo><wsa:Address>{fault_to}</wsa:Address></wsa:FaultTo>" if fault_to else ""
    message = envelope("urn:a", "<b/>", blocks=blocks, reply_to=reply_to)
    if not message_id:
        message = message.replace(f"<wsa:MessageID>{MESSAGE_ID}</wsa:MessageID>".encode(), b"")
    return read_header(parse(message))


def chosen(**changes: object) -> tuple[str, str]:
    found = routes(header(**changes), Post())  # type: ignore[arg-type]
    return found.reply.address, found.fault.address


def test_without_reply_to_answers_go_back() -> None:
    """Core §3.2: the default is the anonymous address."""
    found = routes(header(), NoOutbox())  # type: ignore[arg-type]
    assert (found.reply, found.fault) == (ON_CONNECTION, ON_CONNECTION)


def test_faults_go_where_answers_go_unless_said_otherwise() -> None:
    """Core §3.4."""
    assert chosen(reply_to=HERE) == (HERE, HERE)
    assert chosen(reply_to=HERE, fault_to=WSA_ANONYMOUS) == (HERE, WSA_ANONYMOUS)
    assert chosen(fault_to=HERE) == (WSA_ANONYMOUS, HERE)
    assert chosen(reply_to=WSA_NONE, fault_to=HERE) == (WSA_NONE, HERE)
    assert chosen(reply_to=WSA_NONE, message_id=False) == (WSA_NONE, WSA_NONE)


@pytest.mark.parametrize("name", ["reply_to", "fault_to"])
def test_only_the_anonymous_address_is_supported_where_nothing_is_listed(name: str) -> None:
    """SOAP Binding §6.4.1.7."""
    with pytest.raises(SoapError) as caught:
        routes(header(**{name: HERE}), NoOutbox())  # type: ignore[arg-type]
    assert caught.value.fault.subcodes == ("wsa:InvalidAddressingHeader", "wsa:OnlyAnonymousAddressSupported")


@pytest.mark.parametrize("name", ["reply_to", "fault_to"])
@pytest.mark.parametrize("address", ["https://evil.example/", "urn:uuid:1", "not an address", "http://[::1"])
def test_an_address_outside_the_list(name: str, address: str) -> None:
    """SOAP Binding §6.4.1.1."""
    with pytest.raises(SoapError) as caught:
        chosen(**{name: address})
    assert caught.value.fault.subcodes == ("wsa:InvalidAddressingHeader", "wsa:InvalidAddress")


def test_an_answer_elsewhere_needs_a_message_to_relate_to() -> None:
    """SOAP Binding §6.4.2; Core §3.3."""
    with pytest.raises(SoapError) as caught:
        chosen(reply_to=HERE, message_id=False)
    assert caught.value.fault.subcodes == ("wsa:MessageAddressingHeaderRequired",)
    assert chosen(message_id=False) == (WSA_ANONYMOUS, WSA_ANONYMOUS)


@given(st.tuples(st.text(max_size=9), st.text(max_size=9)), st.tuples(st.text(max_size=9), st.text(max_size=9)))
def test_senders_do_not_share_message_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (exchange_key(*one) == exchange_key(*other)) == (one == other)
