"""What shows a server who asks: arguments that commands share."""

from __future__ import annotations

import argparse

from verifier.cli.arguments import must_read
from verifier.errors import BadArgument, quote
from verifier.fetch import Credentials

_MAX_TOKEN_BYTES = 8192


def add_credentials(parser: argparse.ArgumentParser, to: str = "to a server, over https") -> None:
    who = parser.add_argument_group(to)
    who.add_argument("--bearer-file", metavar="F", help="file with a bearer token")
    who.add_argument("--client-cert", metavar="F", help="client certificate, PEM")
    who.add_argument("--client-key", metavar="F", help="its private key, PEM")


def credentials_of(options: argparse.Namespace) -> Credentials:
    bearer = None
    if options.client_key is not None and options.client_cert is None:
        raise BadArgument("--client-key without --client-cert", "give both")
    if options.bearer_file is not None:
        raw = must_read(options.bearer_file, _MAX_TOKEN_BYTES).strip()
        if not raw or len(raw) > _MAX_TOKEN_BYTES or not all(0x21 <= byte < 0x7F for byte in raw):
            raise BadArgument(
                f"no bearer token in {quote(options.bearer_file)}", "one line of ASCII, no spaces"
            )
        bearer = raw.decode("ascii")
    return Credentials(bearer, options.client_cert, options.client_key)
