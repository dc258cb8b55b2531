"""/.well-known/smart-configuration (SMART App Launch 2.2): what this service does, and no more.

There is no authorization endpoint: nobody is asked for consent in a browser, so neither launch,
nor OpenID Connect, nor PKCE is named.
"""

from __future__ import annotations

from aiohttp import web

from api.address import ADDRESS
from api.auth.assertions import ALGORITHMS
from api.auth.scopes import OWN_SCOPES


async def smart_configuration(request: web.Request) -> web.Response:
    """The same for everybody."""
    found = {
        "token_endpoint": request.app[ADDRESS].token_url,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": [
            *(f"{context}/*.cruds" for context in ("system", "user", "patient")),
            *sorted(OWN_SCOPES),
        ],
        "capabilities": [
            "client-confidential-asymmetric",
            "permission-patient",
            "permission-user",
            "permission-v1",
            "permission-v2",
        ],
    }
    return web.json_response(found)
