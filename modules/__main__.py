"""`python -m modules`: see `modules.cli`."""

import sys

from modules.cli import main

if __name__ == "__main__":
    sys.exit(main())
