"""The record of a person: what an entry says about itself, and how entries are seen.

``header`` is the sealed header's fields, ``contents`` what links and accesses hold, ``views`` the
timelines. Everything here is a function of its arguments: no store, no vault, no clock.
"""
