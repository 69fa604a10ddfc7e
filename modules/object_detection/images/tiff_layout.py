"""Describes how a TIFF's first page is stored, and refuses what no decoder here reads.

Start at `read_layout`. The numbers are those of TIFF 6.0, sections 8 to 23.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ImageError
from .orientation import UPRIGHT, read_xmp_orientation
from .tiff_directory import Directory

NO_COMPRESSION, FAX, LZW, JPEG, DEFLATE, PACKBITS = 1, (2, 3, 4), 5, 7, (8, 32946), 32773
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
PREMULTIPLIED, STRAIGHT = 1, 2  # of ExtraSamples
SEPARATE = 2  # of PlanarConfiguration
BITS_REVERSED = 2  # of FillOrder
HORIZONTAL = 2  # of Predictor

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS_PER_STRIP = 266, 273, 274, 277, 278
_STRIP_SIZES, _PLANAR, _PREDICTOR = 279, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_SIZES = 322, 323, 324, 325
_INK_SET, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 332, 338, 339
_XMP, _PROFILE = 700, 34675
_METADATA_LIMIT = 4 << 20

_COMPRESSIONS = (NO_COMPRESSION, *FAX, LZW, JPEG, *DEFLATE, PACKBITS)
_OTHER_COMPRESSIONS = {
    6: "old-style JPEG",
    32766: "NeXT",
    32809: "ThunderScan",
    34661: "JBIG",
    34676: "SGI Log",
    34677: "SGI Log",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG of raw pixels",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
}
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3}
_OTHER_COLOURS = {
    4: "a transparency mask",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "a camera's raw pixels",
    32844: "LogL",
    32845: "LogLuv",
    34892: "a camera's raw pixels",
}
_SAMPLE_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex floating-point"}
_MAX_SAMPLES = 16
_MAX_BITS = 16


@dataclass(frozen=True)
class Layout:
    """How the pixels of a page are stored.

    Attributes:
        directory: where everything else is read from.
        width, height: in pixels, as stored.
        bits: of a sample, the same for all.
        samples: of a pixel.
        colours: how many of the samples are colours; the others are extra.
        photometric: the kind of colours; None if the file does not say.
        alpha: `PREMULTIPLIED` or `STRAIGHT` if the first extra sample is alpha, else 0.
        compression: one of the numbers above.
    """

    directory: Directory
    width: int
    height: int
    bits: int
    samples: int
    colours: int
    photometric: int | None
    alpha: int
    compression: int

    @property
    def is_separate(self) -> bool:
        """Whether each sample has a plane of its own."""
        return self.directory.number(_PLANAR, 1) == SEPARATE and self.samples > 1

    @property
    def is_reversed(self) -> bool:
        """Whether the bits of each byte are in the opposite order."""
        return self.directory.number(_FILL_ORDER, 1) == BITS_REVERSED

    @property
    def predictor(self) -> int:
        """`HORIZONTAL` if samples are differences to the left neighbour; 1 for none."""
        return self.directory.number(_PREDICTOR, 1) if self.compression in (LZW, *DEFLATE) else 1

    @property
    def is_tiled(self) -> bool:
        """Whether the page is stored in tiles, not in strips."""
        return _TILE_WIDTH in self.directory.entries or _TILE_OFFSETS in self.directory.entries

    @property
    def block(self) -> tuple[int, int]:
        """The width and the height of a tile, or of a strip, in pixels."""
        if self.is_tiled:
            return self.directory.number(_TILE_WIDTH), self.directory.number(_TILE_LENGTH)
        rows = self.directory.number(_ROWS_PER_STRIP, self.height)
        return self.width, min(rows, self.height) or self.height

    def blocks(self, count: int) -> list[tuple[int, int]]:
        """Returns the position and the number of bytes of each of `count` blocks.

        Raises:
            ImageError: there are fewer.
        """
        tags = (_TILE_OFFSETS, _TILE_SIZES) if self.is_tiled else (_STRIP_OFFSETS, _STRIP_SIZES)
        positions = self.directory.numbers(tags[0], count)
        sizes = self.directory.numbers(tags[1], count)
        if not sizes and len(positions) == 1:
            sizes = (max(0, len(self.directory.data) - positions[0]),)
        if min(len(positions), len(sizes)) < count:
            raise ImageError(
                f"it states only {min(len(positions), len(sizes)):,} of its {count:,} "
                f"{'tiles' if self.is_tiled else 'strips'}"
            )
        return list(zip(positions, sizes, strict=True))

    @property
    def stated_orientation(self) -> int | None:
        """The number of the tag Orientation, whatever it is; None if there is no such tag."""
        return (
            self.directory.number(_ORIENTATION) if _ORIENTATION in self.directory.entries else None
        )

    @property
    def xmp_orientation(self) -> int:
        """EXIF's number, 1 to 8, in the XMP data."""
        return read_xmp_orientation(self.directory.content(_XMP, _METADATA_LIMIT))

    @property
    def orientation(self) -> int:
        """EXIF's number, 1 to 8: of the tag, or without one, of the XMP data."""
        stated = self.stated_orientation
        if stated is None:
            return self.xmp_orientation
        return stated if 1 <= stated <= 8 else UPRIGHT

    @property
    def profile(self) -> bytes:
        """The ICC profile; empty for none."""
        return self.directory.content(_PROFILE, _METADATA_LIMIT)


def read_layout(directory: Directory) -> Layout:
    """Reads the layout of a page.

    Raises:
        ImageError: the page is of a kind that no decoder here reads; the message names it.
    """
    if not directory.numbers(_WIDTH, 1) or not directory.numbers(_LENGTH, 1):
        raise ImageError("a TIFF that does not state its size (ImageWidth and ImageLength)")
    samples = directory.number(_SAMPLES, 1)
    bits = _read_bits(directory, samples)
    _check_compression(directory.number(_COMPRESSION, 1), bits)
    photometric = directory.number(_PHOTOMETRIC) if _PHOTOMETRIC in directory.entries else None
    colours = _count_colours(photometric, samples)
    if directory.number(_INK_SET, 1) != 1 and photometric == CMYK:
        raise ImageError("a TIFF of other inks than cyan, magenta, yellow and black")
    extra = directory.number(_EXTRA_SAMPLES)
    return Layout(
        directory,
        width=directory.number(_WIDTH),
        height=directory.number(_LENGTH),
        bits=bits,
        samples=samples,
        colours=colours,
        photometric=photometric,
        alpha=extra if samples > colours and extra in (PREMULTIPLIED, STRAIGHT) else 0,
        compression=directory.number(_COMPRESSION, 1),
    )


def _read_bits(directory: Directory, samples: int) -> int:
    """Returns the bits of each sample."""
    if not 1 <= samples <= _MAX_SAMPLES:
        raise ImageError(
            f"a TIFF with {samples} samples per pixel; it must have 1 to {_MAX_SAMPLES}"
        )
    kind = _SAMPLE_FORMATS.get(directory.number(_SAMPLE_FORMAT, 1))
    if kind:
        raise ImageError(f"a TIFF of {kind} samples; they must be unsigned integers")
    each = directory.numbers(_BITS, samples) or (1,)
    if len(set(each)) > 1:
        listed = ", ".join(map(str, each))
        raise ImageError(f"a TIFF with {listed} bits per sample; all must have equally many")
    if not 1 <= each[0] <= _MAX_BITS:
        raise ImageError(f"a TIFF with {each[0]} bits per sample; it must have 1 to {_MAX_BITS}")
    return each[0]


def _check_compression(compression: int, bits: int) -> None:
    if compression not in _COMPRESSIONS:
        name = _OTHER_COMPRESSIONS.get(compression)
        raise ImageError(
            f"a TIFF with compression {compression}{f' ({name})' if name else ''}, which is not "
            "supported; it must be LZW, deflate, PackBits, JPEG, fax or none"
        )
    wanted = {**dict.fromkeys(FAX, 1), JPEG: 8}.get(compression, bits)
    if bits != wanted:
        name = "JPEG" if compression == JPEG else "fax"
        raise ImageError(
            f"a TIFF with {name} compression of {bits} bits per sample; it must have {wanted}"
        )


def _count_colours(photometric: int | None, samples: int) -> int:
    """Returns how many of the samples are colours."""
    if photometric is None:
        return 3 if samples > 2 else 1
    if photometric not in _COLOURS:
        name = _OTHER_COLOURS.get(photometric, "an unknown kind")
        raise ImageError(
            f"a TIFF with colours {photometric} ({name}), which are not supported; they must be "
            "grey, RGB, a palette, CMYK, YCbCr or CIE L*a*b*"
        )
    if samples < _COLOURS[photometric]:
        raise ImageError(
            f"a TIFF with {samples} samples per pixel; its colours need {_COLOURS[photometric]}"
        )
    return _COLOURS[photometric]
