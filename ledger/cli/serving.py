"""serve: the service over a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.cli.authors import enrolled_as, known_authors, must_know, signer
from ledger.cli.session import AsName, Directory, named
from ledger.cli.terminal import note
from ledger.cli.unlocking import current_unlock
from ledger.errors import BadRequest
from ledger.log import Log
from ledger.wire.service_url import checked_url

_ROLES: Final = ("gateway", "organisation")


def add_to(app: typer.Typer) -> None:
    app.command("serve")(serve_ledger)


def serve_ledger(
    directory: Directory,
    name: AsName,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen.")
    ] = "127.0.0.1:8080",
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            "--tls-cert", metavar="F", help="Certificate chain (PEM).", show_default=False
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", metavar="F", help="Its private key (PEM).", show_default=False),
    ] = None,
    url: Annotated[
        str,
        typer.Option(
            "--url",
            metavar="URL",
            help="Under which clients know the service: their tokens are asked for at URL/auth/"
            "token. [default: where it listens]",
            show_default=False,
        ),
    ] = "",
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy",
            help="A proxy of yours ends TLS in front, and adds X-Forwarded-For.",
        ),
    ] = False,
    publish_every: Annotated[
        float | None,
        typer.Option(
            "--publish-every",
            metavar="S",
            min=1.0,
            help="Seconds between two checkpoints. [default: 60]",
            show_default=False,
        ),
    ] = None,
    open_entries: Annotated[
        bool,
        typer.Option(
            "--open-entries",
            help="Give entry bundles, which are pseudonymous personal data, to everybody.",
        ),
    ] = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Answer /metrics to other machines too.")
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", metavar="N", min=0, help="Processes that check signatures; 0 for threads."
        ),
    ] = 0,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="On this machine alone: write tokens of everybody who is enrolled here, good for "
            "a day, into DIR/service/demo.sh.",
        ),
    ] = False,
) -> None:
    """Serve a ledger over HTTP: FHIR, the ledger's own API, and the log.

    Its author signs for callers that cannot sign themselves: enrol it as a gateway. One line on
    stderr says where it listens, then it logs JSON there. SIGTERM or Ctrl-C ends it once requests
    under way are answered; SIGHUP reads the certificate again.

    \b
    counterfoil enrol ledger gate --role gateway
    counterfoil serve ledger --as gate
    counterfoil serve ledger --as gate --demo
    counterfoil serve ledger --as gate --listen 0.0.0.0:8443 \\
        --url https://records.example.org:8443 --tls-cert cert.pem --tls-key key.pem
    """
    # Imported here: the service's libraries would make every other command start later.
    from api.auth.demo import LIFE_S
    from api.serving import Listen, serve
    from api.settings import Settings

    directory = named(directory)
    place = Listen.parse(listen, tls_cert, tls_key)
    place.check(behind_proxy=behind_proxy)
    if not url and (behind_proxy or place.is_anywhere):
        raise BadRequest(
            "nobody can know from here under which URL clients reach the service",
            hint="give --url; a token is asked for with an assertion that names it",
        )
    usual = Settings()
    settings = Settings(
        url=checked_url(url, "--url") if url else "",
        behind_proxy=behind_proxy,
        open_entries=open_entries,
        metrics_beyond_loopback=metrics,
        publish_s=publish_every or usual.publish_s,
        token_s=LIFE_S if demo else usual.token_s,
    )
    log = Log.open(directory, unlock=current_unlock(), workers=workers)
    try:
        actor = enrolled_as(log.reader.registry, must_know(directory, name))
        if actor.role not in _ROLES:
            raise BadRequest(
                f"a service signs as {' or '.join(_ROLES)}, and this author is a {actor.role}",
                hint="enrol one with `counterfoil enrol DIR NAME --role gateway`",
            )
        gateway = signer(log, name)
        known = known_authors(directory, log.reader.registry)
    except BaseException:
        log.close()
        raise
    serve(
        log,
        gateway=gateway,
        settings=settings,
        listen=place,
        say=lambda address: note(f"serving {directory.name} at {address}"),
        demo={name: actor for actor, name in known.items()} if demo else None,
    )
