"""Every kind of odd file that people drop, each with what must become of it; see `KINDS`."""

from .no_images import NO_IMAGES
from .odd_images import ODD_IMAGES

KINDS = [*NO_IMAGES, *ODD_IMAGES]
