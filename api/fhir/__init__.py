"""FHIR R4 under ``/fhir``.

visit          one request: who asks, whose record, access entries, contents
resources      read, vread                          changes    create, update, delete
histories      _history of one resource
searches       search, $everything, pages           bundles    transaction and batch
events         AuditEvent and Provenance            metadata   CapabilityStatement
replies        answers with their headers           conditions  versions that a sender knows
formats        JSON, and nothing else               operations  names that are no operation here
upserts        update of what a search finds
"""
