"""Images of a document as a browser shows them: JPEG, PNG and GIF as they are, the pages of a TIFF as PNG.

Source: CI-SIS, volet Structuration minimale (formats of a nonXMLBody); WHATWG, MIME Sniffing §6.
"""

from __future__ import annotations

import io

from PIL import Image, ImageSequence

MAX_PIXELS = 60_000_000
MAX_PAGES = 40
MAX_SIDE = 2400  # of a page that was converted

_MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}


def image_type(data: bytes) -> str:
    """The media type that the first bytes tell, '' for what is none of ours."""
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "")


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height, None for what is too large or cannot be read."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "GIF", "TIFF")) as image:
            return image.size if image.width * image.height <= MAX_PIXELS else None
    except Exception:  # noqa: BLE001 - decoders raise anything on bytes that lie
        return None


def pages_of(data: bytes) -> list[bytes]:
    """The pages of a TIFF as PNG, MAX_PAGES at most; those before the first that cannot be read."""
    pages: list[bytes] = []
    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            for page in ImageSequence.Iterator(image):
                if len(pages) == MAX_PAGES or page.width * page.height > MAX_PIXELS:
                    break
                pages.append(_png(page))
    except Exception:  # noqa: BLE001 - decoders raise anything on bytes that lie
        return pages
    return pages


def _png(page: Image.Image) -> bytes:
    shown = page.convert("L" if page.mode in ("1", "L", "I;16") else "RGB")
    shown.thumbnail((MAX_SIDE, MAX_SIDE))
    written = io.BytesIO()
    shown.save(written, "PNG", optimize=False)
    return written.getvalue()
