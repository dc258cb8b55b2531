"""The ledger API: what authors signed, byte for byte, and what proves it (docs/service.md).

models       the bodies, and from them openapi.json
codec        CBOR and JSON
bodies       bodies of uploads: within bounds, however many come
permission   who may, about which record
appending    entries and batches in
showing      entries, lists, receipts, evidence, the log
content      content out, behind an access entry
accesses     who read
payloads     chunks of large payloads in
contract     every operation, as openapi.json tells it
"""
