"""Technical logs are JSON lines that quote nothing of what was read."""

from __future__ import annotations

import json
import logging
import threading

import pytest
import structlog

from server.logging import configure


@pytest.fixture(autouse=True)
def _root() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_our_lines_and_the_libraries_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    structlog.get_logger("ours").info("request", status=200)
    logging.getLogger("theirs").warning("slow %s", "disk")
    ours, theirs = lines(capsys.readouterr().err)
    assert (ours["event"], ours["status"], ours["level"]) == ("request", 200, "info")
    assert (theirs["event"], theirs["logger"]) == ("slow disk", "theirs")


def test_an_exception_that_ends_a_thread_is_located_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # which is set back
    configure("info")

    def fail() -> None:
        raise ValueError("Mme DESMAUX, 269054958815780")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    written = capsys.readouterr().err
    (line,) = lines(written)
    assert (line["event"], line["exception"]) == ("failed", "ValueError")
    assert "DESMAUX" not in written


@pytest.mark.parametrize("logger", ["ours", "theirs"])
def test_an_exception_is_located_but_its_message_stays_out(logger: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    try:
        raise ValueError("Mme DESMAUX, 269054958815780")
    except ValueError:
        if logger == "ours":
            structlog.get_logger(logger).exception("failed")
        else:
            logging.getLogger(logger).exception("failed")
    written = capsys.readouterr().err
    (line,) = lines(written)
    assert line["exception"] == "ValueError"
    assert "test_logging.py" in str(line["raised_at"])
    assert "DESMAUX" not in written
