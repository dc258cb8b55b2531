"""The ledger: writes, stores and re-derives the log. ``ledger.log.Log`` is the way in."""
