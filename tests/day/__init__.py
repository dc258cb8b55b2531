"""A day of five institutions: thousands of mixed requests over HTTP, and then every claim checked.

script     what is done, by whom, in which order: from a seed alone
ground     the ledger before the day: institutions, practitioners, patients, persons
clients    many at once, over HTTP, who write down what they saw
checking   what they saw against the log: nothing read without its entry, nothing missing
"""
