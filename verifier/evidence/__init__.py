"""Evidence files, checked offline.

`container` reads the bytes, `check` goes through the steps with `leaves`, `lookup` and `opening`,
`verdict` says what came of it in the words of `words`.
"""
