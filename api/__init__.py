"""The service over a ledger: HTTP routes, authentication, FHIR and `/v1` handlers, the portal.

Everything here goes through the facade of `ledger`; nothing here opens the store.
"""
