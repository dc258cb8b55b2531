"""FHIR resources over the log: documents of records as resources with ids, versions and values to
search by; what a caller has to do with a record; reading behind access entries, and writing.

    naming       public ids                     spaces     references in a sender's own space
    opened       a chain, opened and indexed    index      chains in memory, bounded
    shelf        a record as resources          relations  institutions and records
    leads        what references lead to        library    all records, as shelves
    reading      access entries, then content   writing    resources to entries
    rendering    the FHIR view of a content     kept       what was asked for lately

Takes an open ``Log`` by what it needs of it, and knows nothing of HTTP.
"""
