"""What else do people choose by mistake? Told by the first bytes, so that a refusal can name it."""

from __future__ import annotations

import re

_KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "a TIFF or raw picture"),
    (re.compile(rb".{4}ftyp(.{4})*?avi[fs]", re.DOTALL), "an AVIF picture"),
    (re.compile(rb".{4}ftyp(.{4})*?(he[iv][a-z]|mif1|msf1)", re.DOTALL), "a HEIC picture"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "a video"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "a JPEG XL picture"),
    (re.compile(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  "), "a JPEG 2000 picture"),
    (re.compile(rb"\0\0[\x01\x02]\0"), "an icon"),
    (re.compile(rb"8BPS"), "a Photoshop picture"),
    (re.compile(rb"P[1-7]\s"), "a PNM picture"),
    (re.compile(rb"%PDF"), "a PDF document"),
    (re.compile(rb"PK\x03\x04"), "an archive"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*(<[?!].{0,500}?)?<svg", re.DOTALL | re.IGNORECASE), "an SVG drawing"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype )?html", re.IGNORECASE), "a web page"),
)


def other_kind(data: bytes) -> str | None:
    """Return what a file is that is none of the pictures read here ("a TIFF or raw picture"); None if that is not known."""
    return next((name for start, name in _KINDS if start.match(data[:600])), None)
