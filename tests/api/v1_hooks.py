"""What schemathesis must know of CBOR: how to write a body, and how to read one against the schema,
which has byte strings as base64 (tests.api.test_v1_openapi).
"""

from base64 import b64encode
from typing import Any

import cbor2
import schemathesis


@schemathesis.serializer("application/cbor")
def in_cbor(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return bytes(cbor2.dumps(value))


@schemathesis.deserializer("application/cbor")
def of_cbor(_: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    return _as_json(cbor2.loads(response.content))


def _as_json(value: Any) -> Any:
    match value:
        case bytes():
            return b64encode(value).decode()
        case list():
            return [_as_json(one) for one in value]
        case dict():
            return {name: _as_json(one) for name, one in value.items()}
        case _:
            return value
