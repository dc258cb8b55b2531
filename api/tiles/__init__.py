"""Log: the published checkpoint and its tiles (c2sp.org/tlog-tiles)."""
