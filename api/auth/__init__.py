"""Who may: tokens for enrolled actors, and what each of them allows.

scopes       SMART v2 scopes, and who may have which
standing     what the registry says of an actor now
decision     the pure decision about one request, with the rule that decided
assertions   private_key_jwt of SMART Backend Services
replay       the memory of assertions that were used
login        login challenges
granting     from an actor, scopes and a purpose to a caller
tokens       access tokens in memory
forms        token requests and answers as RFC 6749 has them
endpoint     /auth/token
persons      /auth/challenge, /auth/login
discovery    /.well-known/smart-configuration
middleware   who sends a request
state        all that is held for this
"""
