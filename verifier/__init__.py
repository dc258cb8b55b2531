"""Independent verifier of counterfoil logs: standard library and `cryptography`, no code of the
ledger.

`audit.audit_log` checks a whole log, `proof.check_proof` one entry; `cli` is the command.
The verdicts are *verified*, *false* and, for what was outside the evidence, *not checked*.
"""
