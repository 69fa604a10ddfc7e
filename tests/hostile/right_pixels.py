"""Pictures whose depth, alpha, profile or orientation decoders often miss; see `RIGHT_PIXELS`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.hostile.builders import HEIGHT, WIDTH, exif, jpeg_segment, png_chunk, save, webp
from tests.hostile.kinds import GREY, RGB, Kind, result
from tests.object_detection.images.profiles import WIDE, cmyk_profile
from tests.object_detection.images.tiff_files import COMPRESS, build_tiff

_TURNED = exif((0x112, "H", [6]))
_UPRIGHT = np.rot90(RGB, -1)
_XMP = b"<a tiff:Orientation='6'/>"


def _tiffs() -> Iterator[Kind]:
    alpha = np.full((HEIGHT, WIDTH, 1), 200, np.uint8)
    for bits in (4, 6, 12, 16):
        most = 2**bits - 1
        rgb, grey = (np.round(np.multiply(x, most / 255)).astype(np.uint16) for x in (RGB, GREY))
        for compression in COMPRESS:
            name = f"TIFF of {bits} bits and compression {compression}"
            data = build_tiff(grey[..., :1], bits=bits, photometric=1, compression=compression)
            yield result(f"grey {name}", data, GREY) if bits > 4 else Kind(f"grey {name}", data)
            data = build_tiff(rgb, bits=bits, photometric=2, compression=compression, order=">")
            yield result(name, data) if bits > 4 else Kind(name, data)
    straight = np.dstack([RGB, alpha]).astype(np.uint16)
    multiplied = np.dstack([np.round(RGB * (200 / 255)), alpha]).astype(np.uint16)
    for extra, samples in ((1, multiplied), (2, straight)):
        for name, tile in (("strips", None), ("tiles", (16, 16))):
            for is_separate in (False, True):
                data = build_tiff(
                    samples,
                    bits=8,
                    photometric=2,
                    compression=5,
                    is_separate=is_separate,
                    tags={338: [extra], 274: [6]},
                    tile=tile,
                )
                planes = "planes" if is_separate else "pixels"
                yield result(f"TIFF of alpha {extra} in {name} of {planes}", data, _UPRIGHT)
    inks = np.dstack([255 - RGB, np.zeros((HEIGHT, WIDTH), np.uint8)]).astype(np.uint16)
    printed = build_tiff(inks, bits=8, photometric=5, tags={34675: cmyk_profile()})
    yield Kind("CMYK TIFF with a profile", printed)


def _others() -> Iterator[Kind]:
    for name, profile in WIDE.items():
        yield Kind(f"PNG of {name}", save(RGB, "PNG", icc_profile=profile))
        yield Kind(f"JPEG of {name}", save(RGB, "JPEG", icc_profile=profile))
    png, jpeg = save(RGB, "PNG"), save(RGB, "JPEG", quality=95)
    raw = b"\nexif\n%8d\n%s\n" % (len(_TURNED), _TURNED.hex().encode())
    for name, chunk in (
        ("raw profile", png_chunk(b"tEXt", b"Raw profile type exif\0" + raw)),
        ("XMP", png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _XMP)),
    ):
        yield result(f"PNG turned by its {name}", png[:33] + chunk + png[33:], _UPRIGHT)
    segment = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _XMP)
    yield result("JPEG turned by its XMP", jpeg[:2] + segment + jpeg[2:], _UPRIGHT)
    plain = save(RGB, "WEBP", lossless=True)
    canvas = bytes([0x0C, 0, 0, 0, WIDTH - 1, 0, 0, HEIGHT - 1, 0, 0])
    picture = (plain[12:16], plain[20:])
    for name, extra in (("EXIF", (b"EXIF", b"Exif\0\0" + _TURNED)), ("XMP", (b"XMP ", _XMP))):
        data = webp((b"VP8X", canvas), picture, extra)
        yield result(f"WebP turned by its {name}", data, _UPRIGHT)


RIGHT_PIXELS = [*_tiffs(), *_others()]
