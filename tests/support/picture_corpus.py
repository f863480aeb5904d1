"""Small files in the corners of every picture format, written from the formats' specifications; Pillow writes what it can."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.pictures import chunk, encoded

Values = NDArray[Any]
HEIGHT, WIDTH = 24, 36
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))  # x and y of red, green and blue
DISPLAY_P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
REC_2020 = ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046))
D65 = (0.3127, 0.3290)
TYPES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # a PNG's colour type -> its channels


def picture() -> Values:
    """(H, W, 3) uint8: smooth ramps of many colours, dark ones and saturated ones among them."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x * y) % 256], axis=2).astype(np.uint8)


# Colour profiles


def xyz(chromaticity: Sequence[float]) -> Values:
    x, y = chromaticity
    return np.array([x / y, 1, (1 - x - y) / y])


def colorants(primaries: Sequence[Sequence[float]]) -> Values:
    """Columns: XYZ of red, green and blue, adapted from D65 to D50 after Bradford."""
    rgb = np.stack([xyz(each) for each in primaries], axis=1)
    rgb = rgb * np.linalg.solve(rgb, xyz(D65))
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1.0, 0.8249])
    gains = (bradford @ d50) / (bradford @ xyz(D65))
    return np.linalg.inv(bradford) @ np.diag(gains) @ bradford @ rgb


def s15(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def curve(gamma: float | None) -> bytes:
    """A power function, or sRGB's own as 1,024 points for None."""
    if gamma is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    x = np.linspace(0, 1, 1024)
    y = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + np.round(y * 65535).astype(">u2").tobytes()


def icc(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    tags = {b"desc": b"desc\0\0\0\0\0\0\0\x05test\0" + bytes(79), b"wtpt": b"XYZ \0\0\0\0" + s15(0.9642, 1, 0.8249)} | tags
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, kind, space, connection)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + s15(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + body


def rgb_profile(primaries: Sequence[Sequence[float]], gamma: float | None) -> bytes:
    columns = colorants(primaries)
    tags = {name: b"XYZ \0\0\0\0" + s15(*columns[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return icc(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma)))


def grey_profile(gamma: float | None) -> bytes:
    return icc(b"GRAY", {b"kTRC": curve(gamma)})


def table_profile(space: bytes, lab: Callable[..., Sequence[float]]) -> bytes:
    """A profile by a table (lut8) of its space, 9 points an axis, each with a Lab colour."""
    channels = 4 if space == b"CMYK" else 3
    grid = np.array([lab(*(i / 8 for i in point)) for point in np.ndindex(*(9,) * channels)])
    stored = np.clip(np.round([[L * 255 / 100, a + 128, b + 128] for L, a, b in grid]), 0, 255).astype(np.uint8)
    ramp = bytes(range(256))
    lut = (
        b"mft1\0\0\0\0"
        + bytes([channels, 3, 9, 0])
        + s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
        + ramp * channels
        + stored.tobytes()
        + ramp * 3
    )
    return icc(space, {b"A2B0": lut}, b"Lab ", b"prtr" if space == b"CMYK" else b"mntr")


PROFILES = {
    "srgb": rgb_profile(SRGB, None),
    "display-p3": rgb_profile(DISPLAY_P3, None),
    "adobe-rgb": rgb_profile(ADOBE, 563 / 256),
    "rec-2020": rgb_profile(REC_2020, 2.4),
    "linear": rgb_profile(SRGB, 1.0),
    "gamma-1.8": rgb_profile(SRGB, 1.8),
    "table": table_profile(b"RGB ", lambda r, g, b: (20 + 30 * g + 30 * r + 20 * b, 60 * (r - g), 50 * (g - b))),
    "broken": b"no profile at all" * 20,
    "cut": rgb_profile(DISPLAY_P3, None)[:300],
    "grey": grey_profile(1.0),
}
INKS = table_profile(
    b"CMYK", lambda c, m, y, k: (95 * (1 - k) * (1 - 0.2 * (c + m + y)), 50 * (m - c) * (1 - k), 50 * (y - m) * (1 - k))
)

# PNG


def samples(colour: int, depth: int) -> Values:
    """(H, W, channels) of the type's numbers, ramps over all that it can hold."""
    channels, most = TYPES[colour], 2**depth - 1
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ramps = [x / (WIDTH - 1), y / (HEIGHT - 1), (x * y) % 256 / 255, (x + y) % 20 / 19]
    if colour == 4:
        ramps = [ramps[0], ramps[3]]
    return np.round(np.stack(ramps[:channels], axis=2) * most).astype(np.uint16)


def scanlines(values: Values, depth: int) -> bytes:
    """Rows with filter 0, packed from the highest bit."""
    height = values.shape[0]
    if depth == 16:
        rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    elif depth == 8:
        rows = values.astype(np.uint8).reshape(height, -1)
    else:
        bits = np.unpackbits(values.astype(np.uint8).reshape(height, -1, 1), axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)


def interlaced(values: Values, depth: int) -> bytes:
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    return b"".join(scanlines(values[y::dy, x::dx], depth) for y, x, dy, dx in passes)


def palette(entries: int) -> bytes:
    i = np.arange(entries)
    return np.stack([i * 255 // max(entries - 1, 1), 255 - i * 97 % 256, i * 53 % 256], axis=1).astype(np.uint8).tobytes()


def header(colour: int, depth: int, width: int = WIDTH, height: int = HEIGHT, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


START, END = b"\x89PNG\r\n\x1a\n", chunk(b"IEND", b"")


def png_file(
    colour: int = 2, depth: int = 8, before: Iterable[bytes] = (), values: Values | None = None, interlace: bool = False
) -> bytes:
    values = samples(colour, depth) if values is None else values
    rows = (interlaced if interlace else scanlines)(values, depth)
    plte = [chunk(b"PLTE", palette(2**depth))] if colour == 3 else []
    height, width = values.shape[:2]
    return b"".join(
        [START, header(colour, depth, width, height, interlace), *plte, *before, chunk(b"IDAT", zlib.compress(rows)), END]
    )


def rgb_png(*before: bytes) -> bytes:
    return png_file(before=before, values=picture())


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"test\0\0" + zlib.compress(profile))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(primaries: Sequence[Sequence[float]]) -> bytes:
    numbers = [round(value * 100_000) for pair in (D65, *primaries) for value in pair]
    return chunk(b"cHRM", struct.pack(">8I", *numbers))


def frame(number: int, width: int, height: int, x: int, y: int, dispose: int = 0, blend: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, x, y, 1, 10, dispose, blend))


def pixels(colour: Sequence[int], width: int, height: int) -> bytes:
    return zlib.compress(scanlines(np.full((height, width, len(colour)), colour), 8))


def bad_crc(part: bytes) -> bytes:
    return part[:-1] + bytes([part[-1] ^ 1])


def exif(orientation: int, order: str = ">", kind: int = 3) -> bytes:
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "I", 8)
    value = struct.pack(order + "HH", orientation, 0) if kind == 3 else struct.pack(order + "I", orientation)
    return head + struct.pack(order + "H", 1) + struct.pack(order + "HHI", 0x112, kind, 1) + value + bytes(4)


def png_kinds() -> dict[str, bytes]:
    found = {}
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlace in (False, True):
                found[f"type{colour}-{depth}bit{'-interlaced' * interlace}"] = png_file(colour, depth, interlace=interlace)
    return found


def png_keyed() -> dict[str, bytes]:
    """Transparency by a colour, or by a palette's entries."""
    found = {}
    for depth in (1, 2, 4, 8, 16):
        for key in {0, 1, 2**depth - 1, int(samples(0, depth)[5, 9, 0])}:
            found[f"grey{depth}-key{key}"] = png_file(0, depth, [chunk(b"tRNS", struct.pack(">H", key))])
        found[f"grey{depth}-interlaced-key"] = png_file(
            0, depth, [chunk(b"tRNS", struct.pack(">H", int(samples(0, depth)[5, 9, 0])))], interlace=True
        )
        if depth < 16:
            key = int(samples(0, depth)[5, 9, 0]) + 2**depth
            found[f"grey{depth}-key-with-high-bits"] = png_file(0, depth, [chunk(b"tRNS", struct.pack(">H", key))])
    near = np.full((HEIGHT, WIDTH, 3), (0x1234, 0x5678, 0x9ABC))
    near[:, 12:24] += 1
    near[:, 24:] += 256
    for depth, values in ((8, samples(2, 8) & 0xE0), (16, near)):
        for name, offset in {"key": 0, "key-near": 1}.items():
            key = [int(value) + offset for value in values[5, 9]]
            for interlace in (False, True):
                extra = [chunk(b"tRNS", struct.pack(">3H", *key))]
                found[f"rgb{depth}-{name}{'-interlaced' * interlace}"] = png_file(2, depth, extra, values, interlace)
    key = [int(value) + 256 for value in (samples(2, 8) & 0xE0)[5, 9]]
    found["rgb8-key-with-high-bits"] = png_file(2, 8, [chunk(b"tRNS", struct.pack(">3H", *key))], samples(2, 8) & 0xE0)
    for depth in (1, 2, 4, 8):
        alphas = bytes(i * 255 // 2**depth for i in range(2**depth))
        found[f"palette{depth}-alphas"] = png_file(3, depth, [chunk(b"tRNS", alphas)])
        found[f"palette{depth}-first-clear"] = png_file(3, depth, [chunk(b"tRNS", b"\0")])
        found[f"palette{depth}-two-alphas"] = png_file(3, depth, [chunk(b"tRNS", b"\x80\0")])
    found["palette2-too-many-alphas"] = png_file(3, 2, [chunk(b"tRNS", bytes(range(0, 240, 30)))])
    found["grey-alpha-and-key"] = png_file(4, 8, [chunk(b"tRNS", b"\0\x10")])
    found["empty-key"] = rgb_png(chunk(b"tRNS", b""))
    found["short-key"] = rgb_png(chunk(b"tRNS", b"\0\0"))
    return found


def png_colours() -> dict[str, bytes]:
    found = {f"iccp-{name}": rgb_png(iccp(profile)) for name, profile in PROFILES.items()}
    found |= {f"gamma-{value}": rgb_png(gamma(value)) for value in (1.0, 0.45455, 0.55556, 0.3, 0.0, 3.0)}
    for name, primaries in (("p3", DISPLAY_P3), ("adobe", ADOBE), ("srgb", SRGB)):
        found[f"chromaticities-{name}"] = rgb_png(chromaticities(primaries))
        found[f"chromaticities-{name}-gamma"] = rgb_png(gamma(0.45455), chromaticities(primaries))
    found["chromaticities-of-nothing"] = rgb_png(gamma(0.45455), chunk(b"cHRM", bytes(32)))
    found["srgb-over-gamma"] = rgb_png(chunk(b"sRGB", b"\0"), gamma(1.0), chromaticities(ADOBE))
    found["iccp-over-gamma"] = rgb_png(iccp(PROFILES["display-p3"]), gamma(1.0))
    found["iccp-over-srgb"] = rgb_png(chunk(b"sRGB", b"\0"), iccp(PROFILES["display-p3"]))
    found["broken-iccp-over-gamma"] = rgb_png(iccp(PROFILES["broken"]), gamma(1.0))
    found["broken-zlib-in-iccp"] = rgb_png(chunk(b"iCCP", b"test\0\0" + b"\x78\x9c nothing"))
    found["iccp-without-a-name"] = rgb_png(chunk(b"iCCP", b"\0\0" + zlib.compress(PROFILES["display-p3"])))
    for name, code in {
        "p3": (12, 13, 0, 1),
        "srgb": (1, 13, 0, 1),
        "rec-2020": (9, 1, 0, 1),
        "rec-2020-10bit": (9, 14, 0, 1),
        "linear": (1, 8, 0, 1),
        "gamma-2.2": (1, 4, 0, 1),
        "gamma-2.8": (5, 5, 0, 1),
        "bt601": (6, 6, 0, 1),
        "unknown": (2, 2, 0, 1),
        "narrow": (1, 13, 0, 0),
        "matrix": (1, 13, 1, 1),
        "pq": (9, 16, 0, 1),
        "hlg": (9, 18, 0, 1),
        "smpte240": (7, 7, 0, 1),
        "film": (8, 1, 0, 1),
        "dci": (11, 17, 0, 1),
    }.items():
        found[f"cicp-{name}"] = rgb_png(chunk(b"cICP", bytes(code)))
    found["cicp-over-all"] = rgb_png(chunk(b"cICP", bytes((12, 13, 0, 1))), iccp(PROFILES["linear"]), gamma(1.0))
    grey = samples(0, 8)
    found |= {f"grey-iccp-{name}": png_file(0, 8, [iccp(PROFILES[name])], grey) for name in ("grey", "display-p3", "linear")}
    found["grey-gamma"] = png_file(0, 8, [gamma(1.0)])
    found["grey16-gamma"] = png_file(0, 16, [gamma(1.0)])
    found["rgb16-gamma"] = png_file(2, 16, [gamma(1.0)])
    found["rgb16-iccp"] = png_file(2, 16, [iccp(PROFILES["display-p3"])])
    found["palette-iccp"] = png_file(3, 8, [iccp(PROFILES["display-p3"])])
    found["palette-gamma-alphas"] = png_file(3, 8, [gamma(1.0), chunk(b"tRNS", bytes(range(256)))])
    found["rgba-gamma"] = png_file(6, 8, [gamma(1.0)])
    found["rgba-iccp"] = png_file(6, 8, [iccp(PROFILES["adobe-rgb"])])
    return found


def png_chunks() -> dict[str, bytes]:
    """What stands around the pixels."""
    plain, idat = rgb_png(), chunk(b"IDAT", zlib.compress(scanlines(picture(), 8)))
    head = START + header(2, 8)
    long = bytes(2_000_000)
    deflated = zlib.compress(scanlines(picture(), 8))
    pieces = [deflated[i : i + 7] for i in range(0, len(deflated), 7)]
    found = {
        "text-2MB": rgb_png(chunk(b"tEXt", b"Comment\0" + long.replace(b"\0", b"x"))),
        "ztxt-2MB": rgb_png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(long))),
        "itxt-2MB": rgb_png(chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(long))),
        "itxt-2MB-not-compressed": rgb_png(chunk(b"iTXt", b"Comment\0\0\0\0\0" + long)),
        "iccp-2MB": rgb_png(iccp(PROFILES["display-p3"] + long)),
        "iccp-2MB-of-nothing": rgb_png(iccp(long)),
        "many-texts": rgb_png(*[chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900_000)))] * 80),
        "broken-ztxt": rgb_png(chunk(b"zTXt", b"Comment\0\0nothing")),
        "empty-texts": rgb_png(*[chunk(name, b"") for name in (b"tEXt", b"zTXt", b"iTXt")]),
        "text-at-the-end": plain[: -len(END)] + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(long)) + END,
        "odd-chunks": rgb_png(
            *[chunk(name, b"") for name in (b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"pHYs", b"tIME", b"eXIf", b"cICP")]
        ),
        "wrong-crc-of-a-text": rgb_png(bad_crc(chunk(b"tEXt", b"Comment\0hi"))),
        "wrong-crc-of-a-gamma": rgb_png(bad_crc(gamma(1.0))),
        "wrong-crc-of-the-pixels": head + bad_crc(idat) + END,
        "wrong-crc-of-the-end": head + idat + bad_crc(END),
        "wrong-adler": head + chunk(b"IDAT", deflated[:-1] + bytes([deflated[-1] ^ 1])) + END,
        "without-adler": head + chunk(b"IDAT", deflated[:-4]) + END,
        "pieces": head + b"".join(chunk(b"IDAT", piece) for piece in pieces) + END,
        "empty-pieces": head + chunk(b"IDAT", b"") + idat + chunk(b"IDAT", b"") + END,
        "text-between-pieces": head
        + chunk(b"IDAT", deflated[:50])
        + chunk(b"tEXt", b"a\0b")
        + chunk(b"IDAT", deflated[50:])
        + END,
        "more-pixels-than-rows": head + chunk(b"IDAT", zlib.compress(scanlines(picture(), 8) + bytes(500))) + END,
        "rubbish-after-the-stream": head + chunk(b"IDAT", deflated + b"rubbish") + END,
        "unknown-ancillary": rgb_png(chunk(b"abCd", b"x" * 50)),
        "unknown-critical": rgb_png(chunk(b"ABCD", b"x" * 50)),
        "without-end": head + idat,
        "cut-end": head + idat + END[:6],
        "rubbish-behind": plain + b"rubbish" * 100,
        "suggested-palette": rgb_png(
            chunk(b"PLTE", palette(20)), chunk(b"sPLT", b"name\0\x08" + bytes(12)), chunk(b"hIST", bytes(40))
        ),
        "background": png_file(6, 8, [chunk(b"bKGD", bytes((0, 255, 0, 0, 0, 0)))]),
        "pixels-per-metre": rgb_png(chunk(b"pHYs", struct.pack(">IIB", 2835, 5000, 1))),
        "no-entry-for-a-pixel": START
        + header(3, 8)
        + chunk(b"PLTE", palette(16))
        + chunk(b"IDAT", zlib.compress(scanlines(samples(3, 8), 8)))
        + END,
        "two-palettes": png_file(3, 4, [chunk(b"PLTE", palette(16)[::-1])]),
        "two-gammas": rgb_png(gamma(1.0), gamma(0.45455)),
        "gamma-after-the-pixels": head + idat + gamma(1.0) + END,
        "exif-after-the-pixels": head + idat + chunk(b"eXIf", exif(6)) + END,
        "exif-with-a-jpeg-prefix": rgb_png(chunk(b"eXIf", b"Exif\0\0" + exif(6))),
    }
    found |= {f"exif-{i}": rgb_png(chunk(b"eXIf", exif(i, "<"))) for i in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)}
    return found


def apng() -> dict[str, bytes]:
    red, green, blue = (220, 30, 30), (30, 180, 40), (20, 40, 210)
    head, control = START + header(2, 8), chunk(b"acTL", struct.pack(">II", 2, 0))
    first = frame(0, WIDTH, HEIGHT, 0, 0) + chunk(b"IDAT", pixels(red, WIDTH, HEIGHT))

    def data(number: int, colour: Sequence[int], width: int = WIDTH, height: int = HEIGHT) -> bytes:
        return chunk(b"fdAT", struct.pack(">I", number) + pixels(colour, width, height))

    hidden = chunk(b"IDAT", pixels(red, WIDTH, HEIGHT))
    second = frame(1, WIDTH, HEIGHT, 0, 0) + data(2, green)
    rgba = START + header(6, 8)
    deflated = pixels(green, WIDTH, HEIGHT)
    split = b"".join(
        chunk(b"fdAT", struct.pack(">I", i + 1) + deflated[i * 9 : i * 9 + 9]) for i in range((len(deflated) + 8) // 9)
    )
    return {
        "shown-default": head + control + first + second + END,
        "hidden-default": head
        + control
        + hidden
        + frame(0, WIDTH, HEIGHT, 0, 0)
        + data(1, green)
        + frame(2, WIDTH, HEIGHT, 0, 0)
        + data(3, blue)
        + END,
        "hidden-default-small-first": head
        + control
        + hidden
        + frame(0, 10, 8, 5, 3)
        + data(1, green, 10, 8)
        + frame(2, 9, 9, 0, 0)
        + data(3, blue, 9, 9)
        + END,
        "hidden-default-blended": rgba
        + control
        + chunk(b"IDAT", pixels((220, 30, 30, 255), WIDTH, HEIGHT))
        + frame(0, 10, 8, 5, 3, blend=1)
        + data(1, (20, 40, 210, 128), 10, 8)
        + frame(2, 9, 9, 0, 0)
        + data(3, (1, 2, 3, 4), 9, 9)
        + END,
        "hidden-default-disposed": head
        + control
        + hidden
        + frame(0, WIDTH, HEIGHT, 0, 0, dispose=2)
        + data(1, green)
        + frame(2, 9, 9, 0, 0)
        + data(3, blue, 9, 9)
        + END,
        "hidden-default-in-pieces": head
        + chunk(b"acTL", struct.pack(">II", 1, 0))
        + hidden
        + frame(0, WIDTH, HEIGHT, 0, 0)
        + split
        + END,
        "one-frame": head + chunk(b"acTL", struct.pack(">II", 1, 0)) + first + END,
        "no-frames": head + chunk(b"acTL", struct.pack(">II", 0, 0)) + hidden + END,
        "control-after-the-pixels": head + hidden + control + frame(0, WIDTH, HEIGHT, 0, 0) + data(1, green) + END,
        "frame-outside": head + control + hidden + frame(0, WIDTH, HEIGHT, 9, 9) + data(1, green) + END,
        "first-frame-missing": head + control + hidden + END,
        "small-default": head + control + frame(0, 10, 8, 5, 3) + chunk(b"IDAT", pixels(red, 10, 8)) + second + END,
        "hidden-default-keyed": START
        + header(2, 8)
        + control
        + chunk(b"tRNS", struct.pack(">3H", *green))
        + hidden
        + frame(0, WIDTH, HEIGHT, 0, 0)
        + data(1, green)
        + END,
    }


# JPEG


def jpeg(image: Any = None, **options: Any) -> bytes:
    image = Image.fromarray(picture()) if image is None else image
    return encoded(image, "JPEG", **{"quality": 95, "subsampling": 0, **options})


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def after_start(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def without(data: bytes, marker: int) -> bytes:
    """Without the first segment of a kind."""
    at = data.index(bytes((0xFF, marker)))
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def icc_segments(profile: bytes, size: int = 60_000) -> list[bytes]:
    parts = [profile[i : i + size] for i in range(0, len(profile), size)]
    return [segment(0xE2, b"ICC_PROFILE\0" + bytes((i + 1, len(parts))) + part) for i, part in enumerate(parts)]


XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
XMP += b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'


def jpeg_kinds() -> dict[str, bytes]:
    rgb = Image.fromarray(picture())
    inks = Image.fromarray(np.concatenate([picture(), picture()[..., ::-1][..., :1] // 2], axis=2), "CMYK")
    found = {f"subsampling-{name}": jpeg(subsampling=name) for name in ("4:4:4", "4:2:2", "4:2:0")}
    found |= {
        "progressive": jpeg(progressive=True),
        "restarts": jpeg(restart_marker_rows=1),
        "grey": jpeg(rgb.convert("L")),
        "cmyk": jpeg(inks),
        "cmyk-without-adobe": without(jpeg(inks), 0xEE),
        "cmyk-profile": jpeg(inks, icc_profile=INKS),
        "cmyk-rgb-profile": jpeg(inks, icc_profile=PROFILES["display-p3"]),
        "ycck": jpeg(inks).replace(b"Adobe\0\x64\0\0\0\0\0", b"Adobe\0\x64\0\0\0\0\2"),
        "rgb": jpeg(keep_rgb=True),
        "rgb-without-adobe": without(jpeg(keep_rgb=True), 0xEE),
        "ycc-with-adobe": after_start(without(jpeg(), 0xE0), segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")),
        "adobe-says-rgb": after_start(without(jpeg(), 0xE0), segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")),
        "without-jfif": without(jpeg(), 0xE0),
        "arithmetic-free": jpeg(optimize=True),
        "16-bit-tables": jpeg(qtables=[[300] * 64, [400] * 64]),
    }
    return found


def jpeg_segments() -> dict[str, bytes]:
    plain = jpeg()
    at = plain.index(b"\xff\xdb")  # before the tables
    scan = plain.index(b"\xff\xda")
    sideways = segment(0xE1, b"Exif\0\0" + exif(6))
    preview = jpeg(Image.new("RGB", (16, 16), "red"))
    found = {
        "without-end": plain[:-2],
        "without-end-progressive": jpeg(progressive=True)[:-2],
        "without-end-grey": jpeg(Image.fromarray(picture()).convert("L"))[:-2],
        "half-an-end": plain[:-1],
        "zeros-instead-of-the-end": plain[:-2] + bytes(2),
        "zeros-behind-no-end": plain[:-2] + bytes(3000),
        "rubbish-behind": plain + b"rubbish" * 1000,
        "preview-behind": plain + preview,
        "fill-bytes": plain[:at] + b"\xff" * 9 + plain[at:],
        "rubbish-between": plain[:at] + b"rubbish" + plain[at:],
        "zeros-between": plain[:at] + bytes(9) + plain[at:],
        "rubbish-before-the-scan": plain[:scan] + b"\x12\x34" + plain[scan:],
        "comment": after_start(plain, segment(0xFE, b"\xff\xfe\0 hello")),
        "long-comment": after_start(plain, *[segment(0xFE, b"x" * 65_000)] * 40),
        "empty-segments": after_start(plain, *[segment(0xE0 + i, b"") for i in range(16)], segment(0xFE, b"")),
        "short-segments": after_start(plain, *[segment(0xE0 + i, b"\xff") for i in range(16)]),
        "broken-photoshop": after_start(plain, segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\xff\xff")),
        "photoshop-without-numbers": after_start(plain, segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x02\0\0")),
        "short-jfif": after_start(plain, segment(0xE0, b"JFIF\0\1")),
        "broken-mpf": after_start(plain, segment(0xE2, b"MPF\0MM\0*\xff\xff\xff\xff")),
        "short-adobe": after_start(plain, segment(0xEE, b"Adobe\0")),
        "preview-in-exif": after_start(plain, segment(0xE1, b"Exif\0\0" + exif(1) + preview)),
        "xmp-orientation": after_start(plain, segment(0xE1, XMP)),
        "xmp-before-exif": after_start(plain, segment(0xE1, XMP.replace(b'"6"', b'"3"')), sideways),
        "exif-before-jfif": after_start(plain, sideways),
        "exif-after-the-tables": plain[:scan] + sideways + plain[scan:],
        "two-exifs": after_start(plain, sideways, segment(0xE1, b"Exif\0\0" + exif(3))),
        "two-exifs-first-broken": after_start(plain, segment(0xE1, b"Exif\0\0nothing at all"), sideways),
        "exif-long": after_start(plain, segment(0xE1, b"Exif\0\0" + exif(6, "<", 4))),
        "exif-broken": after_start(plain, segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\xff")),
        "exif-other-padding": after_start(plain, segment(0xE1, b"Exif\0\xff" + exif(6))),
        "exif-resolution": after_start(plain, sideways),
    }
    found |= {f"exif-{i}": after_start(plain, segment(0xE1, b"Exif\0\0" + exif(i, "<>"[i % 2]))) for i in range(10)}
    return found


def jpeg_colours() -> dict[str, bytes]:
    plain, grey = jpeg(), jpeg(Image.fromarray(picture()).convert("L"))
    found = {f"icc-{name}": after_start(plain, *icc_segments(profile)) for name, profile in PROFILES.items()}
    p3 = PROFILES["display-p3"]
    parts = icc_segments(p3, 700)
    found |= {
        "icc-in-parts": after_start(plain, *parts),
        "icc-in-parts-shuffled": after_start(plain, *parts[::-1]),
        "icc-part-missing": after_start(plain, *parts[:-1]),
        "icc-twice": after_start(plain, *icc_segments(p3), *icc_segments(PROFILES["linear"])),
        "icc-before-a-turn": after_start(plain, segment(0xE1, b"Exif\0\0" + exif(6)), *icc_segments(p3)),
        "icc-longer": after_start(plain, *icc_segments(p3 + bytes(5000))),
        "grey-icc-grey": after_start(grey, *icc_segments(PROFILES["grey"])),
        "grey-icc-p3": after_start(grey, *icc_segments(p3)),
        "grey-icc-linear": after_start(grey, *icc_segments(PROFILES["linear"])),
        "rgb-icc-of-inks": after_start(plain, *icc_segments(INKS)),
    }
    return found


# WebP


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def webp(image: Any = None, **options: Any) -> bytes:
    image = Image.fromarray(picture()) if image is None else image
    return encoded(image, "WEBP", **{"lossless": True, "exact": True, **options})


def webp_pixels(data: bytes) -> bytes:
    """The chunk of pixels of a simple file."""
    return data[12:]


def u24(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


def vp8x(flags: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return riff_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + u24(width - 1) + u24(height - 1))


def anmf(pixels_chunk: bytes, x: int, y: int, width: int, height: int, flags: int = 0) -> bytes:
    return riff_chunk(
        b"ANMF", u24(x // 2) + u24(y // 2) + u24(width - 1) + u24(height - 1) + u24(100) + bytes((flags,)) + pixels_chunk
    )


def webps() -> dict[str, bytes]:
    rgb = Image.fromarray(picture())
    rgba = Image.fromarray(samples(6, 8).astype(np.uint8))
    small = webp_pixels(webp(Image.new("RGB", (10, 8), (30, 180, 40))))
    half = webp_pixels(webp(Image.new("RGBA", (10, 8), (30, 180, 40, 128))))
    full = webp_pixels(webp())
    animation = riff_chunk(b"ANIM", bytes((0, 0, 255, 255)) + b"\0\0")  # a red background
    p3, turned = PROFILES["display-p3"], exif(6)
    found = {
        "lossless": webp(),
        "lossy": webp(lossless=False, quality=90),
        "alpha": webp(rgba),
        "lossy-alpha": webp(rgba, lossless=False, quality=95),
        "grey": webp(rgb.convert("L")),
        "exif-unflagged": riff(vp8x(0), full, riff_chunk(b"EXIF", turned)),
        "icc-unflagged": riff(vp8x(0), riff_chunk(b"ICCP", p3), full),
        "icc-behind": riff(vp8x(0x20), full, riff_chunk(b"ICCP", p3)),
        "exif-prefixed": webp(exif=b"Exif\0\0" + turned),
        "xmp-orientation": webp(xmp=XMP[29:]),
        "animated": encoded(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)], lossless=True),
        "animated-small-first": riff(vp8x(0x02), animation, anmf(small, 6, 4, 10, 8), anmf(full, 0, 0, WIDTH, HEIGHT)),
        "animated-small-first-alpha": riff(vp8x(0x12), animation, anmf(half, 6, 4, 10, 8), anmf(full, 0, 0, WIDTH, HEIGHT)),
        "animated-small-first-no-blend": riff(vp8x(0x12), animation, anmf(half, 6, 4, 10, 8, 2), anmf(full, 0, 0, WIDTH, HEIGHT)),
        "animated-small-first-disposed": riff(vp8x(0x12), animation, anmf(half, 6, 4, 10, 8, 1), anmf(full, 0, 0, WIDTH, HEIGHT)),
        "animated-icc": riff(vp8x(0x22), riff_chunk(b"ICCP", p3), animation, anmf(full, 0, 0, WIDTH, HEIGHT)),
        "unknown-chunks": riff(vp8x(0), riff_chunk(b"abcd", b"x" * 9), full, riff_chunk(b"efgh", b"y")),
        "rubbish-behind": webp() + b"rubbish" * 50,
        "wrong-length": webp()[:4] + struct.pack("<I", len(webp()) + 100) + webp()[8:],
    }
    found |= {f"icc-{name}": webp(icc_profile=profile) for name, profile in PROFILES.items()}
    found |= {f"exif-{i}": webp(exif=exif(i)) for i in (2, 5, 6, 8)}
    found["icc-and-exif"] = webp(icc_profile=p3, exif=turned)
    found["alpha-icc"] = webp(rgba, icc_profile=PROFILES["adobe-rgb"])
    found["lossy-icc"] = webp(icc_profile=p3, lossless=False, quality=95)
    return found


# GIF


def gif_frame(
    image: Values,
    x: int = 0,
    y: int = 0,
    clear: int | None = None,
    disposal: int = 0,
    local: bytes = b"",
    interlace: bool = False,
) -> bytes:
    """A frame of 16 colours."""
    height, width = image.shape
    control = b""
    if clear is not None or disposal:
        control = b"!\xf9\x04" + bytes((disposal << 2 | (clear is not None), 10, 0, clear or 0, 0))
    flags = (0x80 | 3 if local else 0) | 0x40 * interlace
    order = [row for start, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for row in range(start, height, step)]
    rows = image[order] if interlace else image
    return control + b"," + struct.pack("<HHHHB", x, y, width, height, flags) + local + lzw(rows.tobytes())


def lzw(indices: bytes) -> bytes:
    """Codes of 5 bits, with a clear code often enough that they stay so."""
    codes: list[int] = []
    for i, index in enumerate(indices):
        if i % 12 == 0:
            codes.append(16)
        codes.append(index)
    codes.append(17)
    bits = sum(code << 5 * i for i, code in enumerate(codes)).to_bytes(len(codes) * 5 // 8 + 1, "little")
    blocks = [bits[i : i + 255] for i in range(0, len(bits), 255)]
    return b"\x04" + b"".join(bytes((len(block),)) + block for block in blocks) + b"\0"


def gif(
    *frames: bytes, width: int = WIDTH, height: int = HEIGHT, background: int = 3, colours: bool = True, version: bytes = b"89a"
) -> bytes:
    head = b"GIF" + version + struct.pack("<HHBBB", width, height, 0x80 | 3 if colours else 0, background, 0)
    return head + (palette(16) if colours else b"") + b"".join(frames) + b";"


def gifs() -> dict[str, bytes]:
    whole = (np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) % 16).astype(np.uint8)
    small = (whole[:8, :10] + 4) % 16
    loop = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    found = {
        "plain": gif(gif_frame(whole)),
        "87a": gif(gif_frame(whole), version=b"87a"),
        "interlaced": gif(gif_frame(whole, interlace=True)),
        "clear": gif(gif_frame(whole, clear=5)),
        "local-palette": gif(gif_frame(whole, local=palette(16)[::-1])),
        "local-palette-only": gif(gif_frame(whole, local=palette(16)[::-1]), colours=False),
        "no-palette": gif(gif_frame(whole), colours=False),
        "no-trailer": gif(gif_frame(whole))[:-1],
        "rubbish-behind": gif(gif_frame(whole)) + b"rubbish",
        "comment": gif(b"!\xfe\x05hello\0", gif_frame(whole)),
        "odd-extension": gif(b"!\x42\x05hello\0", gif_frame(whole)),
        "screen-of-zero": gif(gif_frame(whole), width=0, height=0),
        "clear-beyond-the-palette": gif(gif_frame(whole, clear=200)),
        "background-beyond": gif(gif_frame(small, 5, 3), background=200),
        "no-end-code": gif(gif_frame(whole).replace(lzw(whole.tobytes()), lzw(whole.tobytes())[:-3] + b"\0\0\0")),
    }
    for name, place in {"margins": (5, 3), "corner": (0, 0), "across-the-edge": (30, 20), "outside": (60, 60)}.items():
        for clear in (None, 2):
            first = gif_frame(small, *place, clear=clear)
            found[f"{name}{'-clear' * (clear is not None)}"] = gif(first)
            found[f"{name}{'-clear' * (clear is not None)}-animated"] = gif(loop, first, gif_frame(whole))
    found["margins-local-palette"] = gif(gif_frame(small, 5, 3, local=palette(16)[::-1]))
    found["larger-than-the-screen"] = gif(gif_frame(whole), width=20, height=12)
    found["wider-than-the-screen"] = gif(gif_frame(whole), width=20, height=30)
    for disposal in (1, 2, 3):
        found[f"disposal-{disposal}"] = gif(loop, gif_frame(small, 5, 3, disposal=disposal), gif_frame(whole))
    return found


# BMP


def bmp(
    rows: bytes,
    bits: int,
    compression: int = 0,
    *,
    height: int = HEIGHT,
    colours: bytes = b"",
    masks: Sequence[int] = (),
    size: int = 40,
    extra: bytes = b"",
    tail: bytes = b"",
    width: int = WIDTH,
    gap: int = 0,
) -> bytes:
    entries = len(colours) // 4
    info = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(rows), 2835, 2835, entries, 0)
    words = struct.pack(f"<{len(masks)}I", *masks)
    head = (info + words + extra).ljust(size, b"\0") if size > 40 else info + words
    start = 14 + len(head) + len(colours) + gap
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + colours + bytes(gap) + rows + tail


def padded(values: Values) -> bytes:
    """Rows from the bottom, each of a multiple of four bytes."""
    rows = np.ascontiguousarray(values[::-1]).reshape(values.shape[0], -1).view(np.uint8)
    return b"".join(row.tobytes() + bytes(-len(row) % 4) for row in rows)


def bmp_masked(masks: Sequence[int], bits: int) -> Values:
    """The picture in the bits that the masks leave to each channel; alpha is a ramp."""
    channels = np.concatenate([picture(), samples(4, 8)[..., 1:].astype(np.uint8)], axis=2).astype(np.uint64)
    word = np.zeros((HEIGHT, WIDTH), np.uint64)
    for i, mask in enumerate(masks):
        if mask:
            low = (mask & -mask).bit_length() - 1
            most = mask >> low
            word |= (channels[..., i] * most // 255) << np.uint64(low)
    return word.astype("<u2" if bits == 16 else "<u4")


def bmps() -> dict[str, bytes]:
    rgb = picture()
    bgr = padded(rgb[..., ::-1])
    bgrx = np.concatenate([rgb[..., ::-1], samples(4, 8)[..., 1:].astype(np.uint8)], axis=2)
    index = (np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) % 16).astype(np.uint8)
    sixteen = np.frombuffer(palette(16), np.uint8).reshape(16, 3)[:, ::-1]
    quads = np.concatenate([sixteen, np.zeros((16, 1), np.uint8)], axis=1).tobytes()
    nibbles = (index[:, ::2] << 4) | index[:, 1::2]
    ones = np.packbits(index % 2, axis=1)
    rle8 = b"".join(b"".join(bytes((1, i)) for i in row) + b"\0\0" for row in index[::-1]) + b"\0\1"
    gaps = b"\0\2\4\3" + b"".join(bytes((10, row)) + b"\0\0" for row in range(12)) + b"\0\1"
    rle4 = b"".join(b"".join(bytes((2, i)) for i in row) + b"\0\0" for row in nibbles[::-1]) + b"\0\1"
    literal = b"".join(b"\0" + bytes((WIDTH,)) + row.tobytes() + b"\0\0" for row in index[::-1]) + b"\0\1"
    os2 = b"BM" + struct.pack("<IHHI", 26 + len(bgr), 0, 0, 26) + struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24) + bgr
    os2_palette = (
        b"BM"
        + struct.pack("<IHHI", 0, 0, 0, 26 + 48)
        + struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 8)
        + sixteen.tobytes()
        + padded(index)
    )
    p3 = PROFILES["display-p3"]
    v5 = struct.pack("<I", 0) + struct.pack("<I", 0x4D424544) + bytes(48) + struct.pack("<IIII", 4, 124 + len(bgr), len(p3), 0)
    found = {
        "1bit": bmp(padded(ones), 1, colours=quads[:8]),
        "4bit": bmp(padded(nibbles), 4, colours=quads),
        "8bit": bmp(padded(index), 8, colours=quads),
        "24bit": bmp(bgr, 24),
        "32bit": bmp(padded(bgrx), 32),
        "top-down": bmp(padded(rgb[::-1, :, ::-1]), 24, height=-HEIGHT),
        "os2": os2,
        "os2-palette": os2_palette,
        "size-of-64": bmp(bgr, 24, size=64),
        "size-of-16": b"BM" + struct.pack("<IHHI", 0, 0, 0, 30) + struct.pack("<IIIHH", 16, WIDTH, HEIGHT, 1, 24) + bgr,
        "16bit": bmp(padded(bmp_masked((0x7C00, 0x3E0, 0x1F), 16)), 16),
        "565": bmp(padded(bmp_masked((0xF800, 0x7E0, 0x1F), 16)), 16, 3, masks=(0xF800, 0x7E0, 0x1F)),
        "444": bmp(padded(bmp_masked((0xF00, 0xF0, 0xF), 16)), 16, 3, masks=(0xF00, 0xF0, 0xF)),
        "332": bmp(padded(bmp_masked((0xE0, 0x1C, 0x3), 16)), 16, 3, masks=(0xE0, 0x1C, 0x3)),
        "rgb-masks": bmp(padded(bmp_masked((0xFF, 0xFF00, 0xFF0000), 32)), 32, 3, masks=(0xFF, 0xFF00, 0xFF0000)),
        "10-bit-masks": bmp(padded(bmp_masked((0x3FF00000, 0xFFC00, 0x3FF), 32)), 32, 3, masks=(0x3FF00000, 0xFFC00, 0x3FF)),
        "rle8": bmp(rle8, 8, 1, colours=quads),
        "rle4": bmp(rle4, 4, 2, colours=quads),
        "rle8-literal": bmp(literal, 8, 1, colours=quads),
        "rle8-gaps": bmp(gaps, 8, 1, colours=quads),
        "rle8-without-end": bmp(rle8[:-2], 8, 1, colours=quads),
        "gap-before-the-pixels": bmp(bgr, 24, gap=20),
        "rubbish-behind": bmp(bgr, 24, tail=b"rubbish"),
        "few-colours": bmp(padded(index % 5), 8, colours=quads[:20]),
        "colour-beyond": bmp(padded(index), 8, colours=quads[:20]),
        "v5-profile": bmp(bgr, 24, size=124, masks=(0, 0, 0), extra=v5, tail=p3),
        "v4-srgb": bmp(bgr, 24, size=108, masks=(0, 0, 0, 0), extra=struct.pack("<I", 0x73524742)),
        "short-rows": bmp(bgr[:-4], 24),
        "length-zero": bmp(bgr, 24)[:34] + bytes(4) + bmp(bgr, 24)[38:],
        "file-length-zero": bmp(bgr, 24)[:2] + bytes(4) + bmp(bgr, 24)[6:],
        "pillow": encoded(Image.fromarray(rgb), "BMP"),
        "two-planes": bmp(bgr, 24)[:26] + b"\2\0" + bmp(bgr, 24)[28:],
    }
    for size in (56, 108, 124):
        for name, masks in {
            "alpha": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
            "alpha-first": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        }.items():
            found[f"{name}-{size}"] = bmp(padded(bmp_masked(masks, 32)), 32, 3, size=size, masks=masks)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    found["alpha-all-zero"] = bmp(padded(bmp_masked(masks[:3], 32)), 32, 3, size=108, masks=masks)
    masks = (0x7C00, 0x3E0, 0x1F, 0x8000)
    found["5551"] = bmp(padded(bmp_masked(masks, 16)), 16, 3, size=108, masks=masks)
    return found


FAMILIES: dict[str, Callable[[], dict[str, bytes]]] = {
    "png-kinds": png_kinds,
    "png-keyed": png_keyed,
    "png-colours": png_colours,
    "png-chunks": png_chunks,
    "apng": apng,
    "jpeg-kinds": jpeg_kinds,
    "jpeg-segments": jpeg_segments,
    "jpeg-colours": jpeg_colours,
    "webp": webps,
    "gif": gifs,
    "bmp": bmps,
}


def corpus() -> dict[str, bytes]:
    return {f"{family}/{name}": data for family, make in FAMILIES.items() for name, data in make().items()}
