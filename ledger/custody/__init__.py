"""Custody: what custodians sign, and what a log does with it (docs/spec/custody.md).

cosigners  which registered key a signature line on a checkpoint is by
notes      what a custodian has signed, written down before it answers
audited    what the verifier, run as a program, found out about a log
cosign     whether a custodian signs a checkpoint
lines      a custodian's or witness's line, put on the published checkpoint
"""
