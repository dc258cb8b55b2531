"""`python -m verifier.cli`: the command without its installed script."""

import sys

from verifier.cli import main

if __name__ == "__main__":
    sys.exit(main())
