"""What every request that ``api.gate`` lets in goes through before its handler, outermost first.

watched       request id, metrics, one line of the log
answered      errors become answers (``api.answers``)
well_formed   path, content type, encoding, promised size
(auth)        who sends it: ``api.auth``
measured      how many at once, and how often, by caller
sent          a large answer, within the room for such ones
body_read     the body, within its size and time
"""
