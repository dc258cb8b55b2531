"""Independent verifier of counterfoil logs: standard library and `cryptography`, no code of the
ledger.

`formats` reads what `docs/spec/` defines, a module for each; `rules` is what a log must obey from
one leaf to the next. With them `audit` checks a whole log, `evidence` a file about one record,
`proof` one entry, `states` one checkpoint against another, and `explain` shows any object;
`verdicts` puts what was found into words, and `cli` is the command. To follow one check from its
bytes to its verdict, begin with `proof`.

The verdicts are *verified*, *false* and, for what was outside the evidence, *not checked*.
"""

__version__ = "0.1.0"
