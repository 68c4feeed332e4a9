"""TD0.9 and TD0.10 through real HTTPS: the web access of professionals, with the demo's cards."""

from __future__ import annotations

import http.client
import ssl

from tests.village import Village


def get(village: Village, path: str, name: str | None = None) -> tuple[int, http.client.HTTPMessage, str]:
    """Status, headers and page, with the card of `name`, or without one."""
    context = ssl.create_default_context(cafile=str(village.folder / "ca.pem"))
    if name:
        keys = village.folder / "pki" / name
        context.load_cert_chain(keys / "auth.pem", keys / "auth.key")
    address = village.settings.https
    assert address is not None
    connection = http.client.HTTPSConnection(address.host, address.port, context=context, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def test_without_a_card_there_is_no_page(village: Village) -> None:
    status, _, page = get(village, "/AccesDirect/TableauDeBord")
    assert status == 401
    assert "la carte d'un professionnel" in page.replace("&#39;", "'")
    (event,) = village.audit(1)
    assert (event.transaction, event.rule) == ("TD0.9", "authentification")
