"""What the service under ``/v1`` asks of an open ledger (docs/service.md).

    arriving    entries that were sealed and signed elsewhere, before they are appended
    pages       an entry, and a record's entries page by page
    orders      which content is ordered to be erased
    releasing   content and access entries, behind an access entry of the gateway
    proving     receipts and evidence as bytes
    uploads     the sealed chunks of large payloads, before the entry comes that names them

Nothing here decides who may ask: that is done before.
"""
