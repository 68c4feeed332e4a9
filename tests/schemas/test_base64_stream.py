"""base64Binary in pieces: whatever the pieces, the same bytes; anything that is no base64 is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base64_stream import Base64Decoder, Base64Error, encode, encoded_length


def decoded(*pieces: str) -> bytes:
    out = bytearray()
    decoder = Base64Decoder(out.extend)
    for piece in pieces:
        decoder.feed(piece)
    decoder.close()
    return bytes(out)


@given(content=st.binary(max_size=300), size=st.integers(1, 50), spaces=st.sampled_from(["", "\n", " \t", "\r\n"]))
def test_any_pieces_and_white_space_decode_to_the_same_bytes(content: bytes, size: int, spaces: str) -> None:
    text = spaces.join(base64.b64encode(content).decode())
    assert decoded(*(text[at : at + size] for at in range(0, len(text), size))) == content


@given(chunks=st.lists(st.binary(max_size=40), max_size=20))
def test_encoding_in_chunks_is_encoding_at_once(chunks: list[bytes]) -> None:
    encoded = b"".join(encode(iter(chunks)))
    assert encoded == base64.b64encode(b"".join(chunks))
    assert len(encoded) == encoded_length(len(b"".join(chunks)))


@pytest.mark.parametrize(
    "text",
    [
        "QQ",
        "Q",
        "QQ=",
        "QQ==QQ==",
        "QUJD=",
        "====",
        "QQ==\u00a0",
        "QU-D",
        "QU_D",
        "QUéD",
        "QR==",
        "QUF=",
        "=QQQ",
        "Q=QQ",
    ],
)
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(Base64Error):
        decoded(text)


@pytest.mark.parametrize("pieces", [("QQ==", "QQ=="), ("QQ", "==", "Q"), ("QUJD", "Q")])
def test_what_follows_the_padding_is_refused_in_a_later_piece_too(pieces: tuple[str, ...]) -> None:
    with pytest.raises(Base64Error):
        decoded(*pieces)
