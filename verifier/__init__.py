"""Independent verifier of counterfoil logs: standard library and `cryptography`, no code of the
ledger.

`audit` checks a whole log, `evidence` a file about one record, `proof` one entry, `states` one
checkpoint against another; `explain` shows any object; `cli` is the command. The modules beside
them read the formats, each one of them.

The verdicts are *verified*, *false* and, for what was outside the evidence, *not checked*.
"""
