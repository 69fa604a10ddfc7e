"""Every kind of odd file that people upload, each with its correct outcome; see `KINDS`."""

from tests.hostile.no_images import NO_IMAGES
from tests.hostile.odd_images import ODD_IMAGES
from tests.hostile.right_pixels import RIGHT_PIXELS

KINDS = [*NO_IMAGES, *ODD_IMAGES, *RIGHT_PIXELS]
