"""Who may: scopes, what the registry says of an actor now, and the decision about one request."""
