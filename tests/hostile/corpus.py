"""Every kind of odd file that people upload, each with its correct outcome; see `KINDS`."""

from tests.hostile.no_images import NO_IMAGES
from tests.hostile.odd_images import ODD_IMAGES

KINDS = [*NO_IMAGES, *ODD_IMAGES]
