"""The courier of a running server tells people by mail and SMS: through crashes, outages and changed settings."""

from __future__ import annotations

import json
import time
from pathlib import Path

from server.database import connect
from server.demo import background
from server.house import House
from server.outbox import OUTBOX
from server.settings import Settings, load
from tests.connectathon import connectathon
from tests.mailbox import mailbox
from tests.ports import free_port
from tests.receiver import receiving
from tests.server.servers import kill_tree

ANNE, NUMBER = "anne@patient.example", "+33612345678"
TEXT = "Un document a été ajouté à votre DMP."


def tell(settings: Settings, *, mail: bool = False, sms: bool = False) -> None:
    """What a passage through the gate does, in the server's own rooms."""
    house = House.build(settings)
    with house.unit_of_work() as rooms:
        if mail:
            rooms.notices.mail(ANNE, "Nouveau document", TEXT)
        if sms:
            rooms.notices.sms(NUMBER, TEXT)
    house.database.dispose()


def logged(folder: Path, words: str) -> str:
    """The server's log, once it says so: the courier writes there last."""
    give_up = time.monotonic() + 30
    while words not in (log := (folder / background.LOG).read_text()):
        assert time.monotonic() < give_up, log
        time.sleep(0.05)
    return log


def test_a_mail_that_the_server_had_when_the_courier_died_comes_twice_under_one_message_id(tmp_path: Path) -> None:
    with mailbox() as box:
        smtp = {"smtp": f"localhost:{box.port}", "smtp_security": "none", "mail_from": "dmp@dmp.example"}
        with connectathon(tmp_path, **smtp) as node:  # nothing but mail leaves
            box.held = True
            tell(node.settings, mail=True)
            box.wait()
            kill_tree(tmp_path)
            box.held = False
            background.start(tmp_path, load({"home": node.home}, {}))
            first, second = box.wait(2)
            assert first.content == second.content
            assert first.message["Message-ID"] == second.message["Message-ID"]
            assert (first.recipients, first.text.strip()) == ([ANNE], TEXT)
        told = logged(tmp_path, "delivered")
        assert ANNE not in told
        assert TEXT not in told


def test_an_sms_waits_for_its_gateway_through_a_crash_of_the_server(tmp_path: Path) -> None:
    port = free_port()
    with connectathon(tmp_path, sms_gateway=f"http://127.0.0.1:{port}/sms") as node:  # nothing but SMS leaves
        tell(node.settings, sms=True)
        kill_tree(tmp_path)
        with receiving(port) as gateway:
            background.start(tmp_path, load({"home": node.home}, {}))
            (posted,) = gateway.wait()
        assert json.loads(posted.body) == {"to": NUMBER, "text": TEXT}
        assert NUMBER not in (tmp_path / background.LOG).read_text()


def test_what_waits_for_a_channel_that_was_taken_away_is_given_up(tmp_path: Path) -> None:
    gateway = f"http://127.0.0.1:{free_port()}/sms"
    with connectathon(tmp_path) as node:
        tell(load({"home": node.home, "sms_gateway": gateway}, {}), sms=True)
        background.stop(tmp_path)
        background.start(tmp_path, load({"home": node.home}, {}))
        database = connect(node.settings.database_url, threads=1)
        logged(tmp_path, "given up: the settings no longer let it leave")
        with database.transaction() as connection:
            assert connection.execute(OUTBOX.select()).first() is None
        database.dispose()
