"""Further corners of the picture formats: newer colour profiles, chunks in odd places, animations, rare headers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.support.picture_corpus import (
    ADOBE,
    DISPLAY_P3,
    END,
    HEIGHT,
    REC_2020,
    SRGB,
    START,
    WIDTH,
    XMP,
    after_start,
    bmp,
    bmp_masked,
    chromaticities,
    colorants,
    exif,
    frame,
    gamma,
    gif,
    gif_frame,
    header,
    icc,
    icc_segments,
    iccp,
    interlaced,
    jpeg,
    lzw,
    padded,
    palette,
    picture,
    pixels,
    png_file,
    rgb_png,
    s15,
    samples,
    scanlines,
    segment,
    webp,
)
from tests.support.pictures import chunk

RED, GREEN = (220, 30, 30), (30, 180, 40)


def parametric(kind: int, *numbers: float) -> bytes:
    """A curve of ICC version 4."""
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + s15(*numbers)


def version_4(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    profile = icc(space, tags)
    return profile[:8] + b"\4\x30\0\0" + profile[12:]


def rgb_4(primaries: tuple[tuple[float, float], ...], *curves: bytes) -> bytes:
    columns = colorants(primaries)
    red, green, blue = curves * 3 if len(curves) == 1 else curves
    tags = {name: b"XYZ \0\0\0\0" + s15(*columns[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return version_4(b"RGB ", tags | {b"rTRC": red, b"gTRC": green, b"bTRC": blue})


SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
P3 = rgb_4(DISPLAY_P3, parametric(3, *SRGB_CURVE))
PROFILES = {
    "display-p3": P3,
    "adobe": rgb_4(ADOBE, parametric(0, 563 / 256)),
    "rec-2020": rgb_4(REC_2020, parametric(0, 2.4)),
    "kind-1": rgb_4(SRGB, parametric(1, 2.0, 1.1, -0.1)),
    "kind-2": rgb_4(SRGB, parametric(2, 2.0, 1.1, -0.1, 0.05)),
    "kind-4": rgb_4(SRGB, parametric(4, *SRGB_CURVE, 0, 0)),
    "a-curve-a-channel": rgb_4(DISPLAY_P3, parametric(0, 1.0), parametric(0, 1.8), parametric(0, 2.6)),
    "swapped": rgb_4((DISPLAY_P3[1], DISPLAY_P3[0], DISPLAY_P3[2]), parametric(3, *SRGB_CURVE)),
    "identity": rgb_4(DISPLAY_P3, b"curv" + bytes(8)),
    "two-points": rgb_4(SRGB, b"curv\0\0\0\0" + struct.pack(">IHH", 2, 0, 65535)),
    "shorter-than-it-says": P3[:-4],
    "longer-than-it-says": P3 + bytes(5000),
    "declared-empty": bytes(4) + P3[4:],
}
GREYS = {
    "grey-linear": version_4(b"GRAY", {b"kTRC": parametric(0, 1.0)}),
    "grey-1.8": version_4(b"GRAY", {b"kTRC": parametric(0, 1.8)}),
}


def profiles() -> dict[str, bytes]:
    files = {}
    for name, profile in PROFILES.items():
        files |= {f"png-{name}": rgb_png(iccp(profile)), f"webp-{name}": webp(icc_profile=profile)}
        files[f"jpeg-{name}"] = after_start(jpeg(), *icc_segments(profile))
    grey = Image.fromarray(picture()).convert("L")
    for name, profile in GREYS.items():
        files |= {f"png-{name}-{colour}-{depth}": png_file(colour, depth, [iccp(profile)])
                  for colour, depth in ((0, 2), (0, 8), (0, 16), (2, 8), (3, 8), (4, 8), (4, 16))}  # fmt: skip
        files[f"jpeg-{name}"] = after_start(jpeg(grey), *icc_segments(profile))
        files[f"jpeg-rgb-{name}"] = after_start(jpeg(), *icc_segments(profile))
        files[f"webp-{name}"] = webp(icc_profile=profile)
        key = int(samples(0, 8)[5, 9, 0])
        files[f"png-{name}-keyed"] = png_file(0, 8, [iccp(profile), chunk(b"tRNS", struct.pack(">H", key))])
    for colour in (2, 6):
        for interlace in (False, True):
            files[f"png-16-{colour}-{interlace}"] = png_file(colour, 16, [iccp(P3)], interlace=interlace)
    return files


def png_places() -> dict[str, bytes]:
    """Chunks where they do not belong, or of other contents than they promise."""
    index, plte = chunk(b"IDAT", zlib.compress(scanlines(samples(3, 4), 4))), chunk(b"PLTE", palette(16))
    cicp = chunk(b"cICP", bytes((12, 13, 0, 1)))
    three = START + header(3, 4)
    files = {
        "key-before-the-palette": three + chunk(b"tRNS", b"\0\x80") + plte + index + END,
        "key-after-the-pixels": three + plte + index + chunk(b"tRNS", b"\0") + END,
        "cicp-before-the-palette": three + cicp + plte + index + END,
        "cicp-after-the-palette": three + plte + cicp + index + END,
        "gamma-after-the-palette": three + plte + gamma(1.0) + index + END,
        "iccp-after-the-palette": three + plte + iccp(P3) + index + END,
        "key-of-rgba": png_file(6, 8, [chunk(b"tRNS", bytes(6))]),
        "srgb-of-no-intent": rgb_png(chunk(b"sRGB", b"\x09"), gamma(1.0)),
        "srgb-empty": rgb_png(chunk(b"sRGB", b""), gamma(1.0)),
        "cicp-of-five": rgb_png(chunk(b"cICP", bytes((12, 13, 0, 1, 0))), gamma(1.0)),
        "iccp-unknown-method": rgb_png(chunk(b"iCCP", b"test\0\1" + zlib.compress(P3))),
        "iccp-cut": rgb_png(chunk(b"iCCP", b"test\0\0" + zlib.compress(P3)[:-6])),
        "iccp-two": rgb_png(iccp(P3), iccp(PROFILES["adobe"])),
        "iccp-of-grey-alpha": png_file(4, 8, [iccp(P3)]),
        "xmp-orientation": rgb_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP[29:])),
        "exif-two": rgb_png(chunk(b"eXIf", exif(6)), chunk(b"eXIf", exif(3))),
        "filters": START + header(2, 8) + chunk(b"IDAT", zlib.compress(
            b"".join(bytes([y % 5]) + row.tobytes() for y, row in enumerate(picture().reshape(HEIGHT, -1))))) + END,
        "stored": START + header(2, 8) + chunk(b"IDAT", zlib.compress(scanlines(picture(), 8), 0)) + END,
    }  # fmt: skip
    files |= {f"gamma-{value}": rgb_png(gamma(value)) for value in (0.1, 0.43, 0.44, 0.4545, 0.46, 0.47, 0.48, 2.2, 20.0)}
    for name, numbers in {
        "no-luminance": (31270, 32900, 64000, 33000, 30000, 60000, 15000, 0),
        "one-primary": (31270, 32900, *(64000, 33000) * 3),
        "beyond": (2**31 + 5,) * 8,
        "pro-photo": (34567, 35850, 73470, 26530, 15960, 84040, 3660, 10),
    }.items():
        for value in (0.45455, 0.7):
            files[f"chromaticities-{name}-{value}"] = rgb_png(gamma(value), chunk(b"cHRM", struct.pack(">8I", *numbers)))
    for code in ((1, 11), (1, 12), (22, 13), (10, 8), (12, 17), (4, 4)):
        files[f"cicp-{code[0]}-{code[1]}"] = rgb_png(chunk(b"cICP", bytes((*code, 0, 1))))
    for colour, depth in ((0, 8), (6, 16)):
        files[f"cicp-colour-{colour}"] = png_file(colour, depth, [cicp])
        files[f"gamma-colour-{colour}"] = png_file(colour, depth, [gamma(0.7), chromaticities(ADOBE)], interlace=True)
    return files


def animations() -> dict[str, bytes]:
    def control(frames: int = 2) -> bytes:
        return chunk(b"acTL", struct.pack(">II", frames, 0))

    def data(number: int, stream: bytes) -> bytes:
        return chunk(b"fdAT", struct.pack(">I", number) + stream)

    def index(value: int, width: int, height: int) -> bytes:
        return zlib.compress(scanlines(np.full((height, width, 1), value), 4))

    whole = (WIDTH, HEIGHT, 0, 0)
    head, red, green = START + header(2, 8), pixels(RED, WIDTH, HEIGHT), pixels(GREEN, WIDTH, HEIGHT)
    hidden, three = chunk(b"IDAT", red), START + header(3, 4) + control() + chunk(b"PLTE", palette(16))
    default = chunk(b"IDAT", index(1, WIDTH, HEIGHT))
    small = frame(0, 11, 7, 5, 3, blend=1) + data(1, index(4, 11, 7)) + frame(2, 9, 9, 0, 0) + data(3, index(6, 9, 9))
    first = frame(0, *whole) + data(1, green)
    lines = START + header(2, 8, interlace=1) + control() + chunk(b"IDAT", zlib.compress(interlaced(picture(), 8)))
    cut = picture()[:9, :13]
    return {
        "palette-offset": three + default + small + END,
        "palette-clear-offset": three + chunk(b"tRNS", b"\xff\xff\xff\xff\x80") + default + small + END,
        "interlaced": lines + frame(0, *whole) + data(1, zlib.compress(interlaced(picture()[::-1], 8))) + END,
        "interlaced-offset": lines + frame(0, 13, 9, 5, 3) + data(1, zlib.compress(interlaced(cut, 8))) + END,
        "profile": head + control() + iccp(P3) + hidden + first + END,
        "turned": head + control() + chunk(b"eXIf", exif(6)) + hidden + frame(0, 10, 8, 5, 3)
        + data(1, pixels(GREEN, 10, 8)) + END,
        "two-controls": head + control(0) + control(2) + hidden + first + END,
        "short-control": head + chunk(b"acTL", b"\0\0\0\2") + hidden + first + END,
        "control-behind-the-frame": head + frame(0, *whole) + control() + hidden + frame(1, *whole) + data(2, green) + END,
        "shown-and-disposed": head + control() + frame(0, *whole, dispose=1) + hidden + frame(1, 9, 9, 0, 0)
        + data(2, pixels(GREEN, 9, 9)) + END,
        "grey-keyed-offset": START + header(0, 8) + control() + chunk(b"tRNS", b"\0\x40")
        + chunk(b"IDAT", pixels((32,), WIDTH, HEIGHT)) + frame(0, 10, 8, 5, 3) + data(1, pixels((64,), 10, 8)) + END,
        "gif-empty-frame": gif(b"," + bytes(9) + lzw(b""), gif_frame(np.zeros((HEIGHT, WIDTH), np.uint8))),
        "gif-interlaced-offset": gif(gif_frame(np.full((8, 10), 5, np.uint8), 5, 3, clear=6, interlace=True)),
    }  # fmt: skip


def bmp_headers() -> dict[str, bytes]:
    rgb, index = picture(), (np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) % 16).astype(np.uint8)
    entries = np.frombuffer(palette(16), np.uint8).reshape(16, 3)[:, ::-1]
    quads = np.concatenate([entries, np.zeros((16, 1), np.uint8)], axis=1).tobytes()
    bgrx = padded(np.concatenate([rgb[..., ::-1], samples(4, 8)[..., 1:].astype(np.uint8)], axis=2))
    masks, five = (0xFF0000, 0xFF00, 0xFF, 0xFF000000), bmp_masked((0x7C00, 0x3E0, 0x1F, 0x8000), 16)
    pairs = np.packbits(np.unpackbits((index % 4).reshape(HEIGHT, -1, 1), axis=2)[..., 6:].reshape(HEIGHT, -1), axis=1)
    runs = b"".join(b"".join(bytes((1, i)) for i in line) + b"\0\0" for line in index) + b"\0\1"
    ones = np.packbits(index % 2, axis=1)
    long_runs = b"".join(bytes((200, i % 16)) + b"\0\0" for i in range(HEIGHT)) + b"\0\1"
    files = {
        "2bit": bmp(padded(pairs), 2, colours=quads[:16]),
        "2bit-from-the-top": bmp(padded(pairs[::-1]), 2, colours=quads[:16], height=-HEIGHT),
        "1bit-from-the-top": bmp(padded(ones[::-1]), 1, colours=quads[:8], height=-HEIGHT),
        "8bit-from-the-top": bmp(padded(index[::-1]), 8, colours=quads, height=-HEIGHT),
        "rle8-from-the-top": bmp(runs, 8, 1, colours=quads, height=-HEIGHT),
        "320-colours": bmp(padded(index), 8, colours=quads * 20),
        "1bit-16-colours": bmp(padded(ones), 1, colours=quads),
        "odd-width": bmp(padded(index[:, :29]), 8, colours=quads, width=29),
        "rle8-beyond-its-lines": bmp(long_runs, 8, 1, colours=quads),
        "masks-that-overlap": bmp(padded(bmp_masked((0xF800, 0x7E0, 0x1F), 16)), 16, 3, masks=(0xF800, 0xFE0, 0x1F)),
        "v4-5551-not-masked": bmp(padded(five), 16, size=108, masks=(0x7C00, 0x3E0, 0x1F, 0x8000)),
        "v5-linked-profile": bmp(padded(rgb[..., ::-1]), 24, size=124, masks=(0, 0, 0),
                                 extra=struct.pack("<II", 0, 0x4C494E4B) + bytes(64)),
    }  # fmt: skip
    for size in (40, 52, 56, 108, 124):
        files[f"32bit-{size}"] = bmp(bgrx, 32, size=size, masks=masks[: {40: 0, 52: 3}.get(size, 4)])
    return files


def jpeg_turns() -> dict[str, bytes]:
    """XMP against EXIF, and EXIF in odd shapes."""
    turned, plain = exif(6), jpeg()
    two = b"MM\0*\0\0\0\x08\0\2" + turned[10:22] + struct.pack(">HHIHH", 0x112, 3, 1, 3, 0) + bytes(4)
    tables = plain.index(b"\xff\xc4")
    shapes = {
        "two-entries": two,
        "one-byte": b"MM\0*\0\0\0\x08\0\1\1\x12\0\1\0\0\0\1\6" + bytes(7),
        "two-numbers": b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\2\0\6\0\3" + bytes(4),
        "directory-further-on": b"MM\0*\0\0\0\x10" + bytes(8) + turned[8:],
        "directory-outside": b"MM\0*\xff\xff\xff\xf0" + turned[8:],
    }
    files = {f"exif-{name}": after_start(plain, segment(0xE1, b"Exif\0\0" + shape)) for name, shape in shapes.items()}
    for turn in (0, 1, 3, 6):
        parts = [segment(0xE1, XMP), segment(0xE1, b"Exif\0\0" + exif(turn))]
        files |= {f"xmp-then-exif-{turn}": after_start(plain, *parts), f"exif-{turn}-then-xmp": after_start(plain, *parts[::-1])}
    files["exif-before-the-tables"] = plain[:tables] + segment(0xE1, b"Exif\0\0" + turned) + plain[tables:]
    files["two-pictures"] = plain + jpeg(Image.new("RGB", (20, 20), "red"))
    return files


CORNERS: dict[str, Callable[[], dict[str, bytes]]] = {
    "profiles": profiles,
    "png-places": png_places,
    "animations": animations,
    "bmp-headers": bmp_headers,
    "jpeg-turns": jpeg_turns,
}
