"""`python -m ledger.cli` is `counterfoil`."""

import sys

from ledger.cli import main

sys.exit(main())
