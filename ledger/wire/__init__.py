"""Bytes <-> frozen dataclasses for every format of the log. Pure: no I/O, no state.

One module a format; each docstring is its specification in short, ``docs/spec/`` has the long form.
"""
