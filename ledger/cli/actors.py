"""actors: who is enrolled, as this machine can name them."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from ledger.cli import authors
from ledger.cli.author_keys import algorithm_name
from ledger.cli.session import AsJson, Directory, named, place_json, reading
from ledger.cli.terminal import Json, result, result_json, result_table, when
from ledger.errors import BadRequest
from ledger.identity import Actor, ActorKey, Registry
from ledger.reader import Reader
from ledger.wire.ids import ActorId


def add_to(app: typer.Typer) -> None:
    app.command("actors")(actors)


def actors(
    directory: Directory,
    name: str = typer.Argument(
        "", metavar="[NAME]", help="A name, or an actor's id.", show_default=False
    ),
    as_json: AsJson = False,
) -> None:
    """List who is enrolled; one of them with all its keys.

    Names are sealed in the log: those that were given on this machine are shown.

    \b
    counterfoil actors ledger
    counterfoil actors ledger dr-mori
    """
    directory = named(directory)
    with reading(directory) as reader:
        registry = reader.registry
        known = authors.known_authors(directory, registry)
    chosen = _chosen(registry, known, name)
    if as_json:
        result_json({"actors": [_as_object(one, known, reader) for one in chosen]})
    elif name:
        result("\n".join(_as_lines(chosen[0], known, reader)))
    else:
        columns = ("name", "role", "actor", "enrolled", "by", "key", "valid", "contested")
        result_table(columns, [_row(one, known, reader) for one in chosen])


def _chosen(registry: Registry, known: Mapping[ActorId, str], name: str) -> list[Actor]:
    everybody = sorted(registry.actors.values(), key=lambda one: one.enrolled_at)
    chosen = [one for one in everybody if name in ("", known.get(one.id), one.id.hex())]
    if name and not chosen:
        raise BadRequest("no actor of this name or id is enrolled", hint="leave NAME out for all")
    return chosen


def _row(actor: Actor, known: Mapping[ActorId, str], reader: Reader) -> tuple[str, ...]:
    key = actor.statement_key
    return (
        known.get(actor.id, ""),
        actor.role,
        actor.id.hex(),
        _place(actor.enrolled_at, reader),
        _enroller(actor, known),
        "" if key is None else f"{algorithm_name(key.alg)} {key.kid.hex()[:16]}",
        _validity(actor, reader.registry),
        _since(actor, reader),
    )


def _as_lines(actor: Actor, known: Mapping[ActorId, str], reader: Reader) -> list[str]:
    rows = [
        ("name", known.get(actor.id, "not known on this machine")),
        ("actor", actor.id.hex()),
        ("role", actor.role),
        ("enrolled", f"at entry {_place(actor.enrolled_at, reader)} by {_enroller(actor, known)}"),
    ]
    if actor.record is not None:
        rows.append(("record", actor.record.hex()))
    if actor.scope:
        rows.append(("scope", ", ".join(sorted(actor.scope))))
    rows.append(("valid", _validity(actor, reader.registry)))
    if actor.contested_since is not None:
        rows.append(("contested", _since(actor, reader)))
    rows += [("key", _key_line(key, reader)) for key in actor.keys]
    width = max(len(title) for title, _ in rows)
    return [f"{title:<{width}}  {text}" for title, text in rows]


def _key_line(key: ActorKey, reader: Reader) -> str:
    ended = "" if key.ended_at is None else f", ended at entry {_place(key.ended_at, reader)}"
    return (
        f"{algorithm_name(key.alg)} {key.kid.hex()} for {key.use}, "
        f"since entry {_place(key.registered_at, reader)}{ended}"
    )


def _as_object(actor: Actor, known: Mapping[ActorId, str], reader: Reader) -> dict[str, Json]:
    keys: list[Json] = [
        {
            "alg": algorithm_name(key.alg),
            "kid": key.kid.hex(),
            "use": key.use,
            "registered_at": place_json(reader.position_of(key.registered_at)),
            "ended_at": _json(key.ended_at, reader),
        }
        for key in actor.keys
    ]
    return {
        "actor": actor.id.hex(),
        "name": known.get(actor.id),
        "role": actor.role,
        "enrolled_at": place_json(reader.position_of(actor.enrolled_at)),
        "enrolled_by": None if actor.enroller is None else actor.enroller.hex(),
        "record": None if actor.record is None else actor.record.hex(),
        "scope": sorted(actor.scope),
        "from_ms": actor.from_ms or None,
        "until_ms": actor.until_ms or None,
        "has_effect": reader.registry.has_effect(actor),
        "contested_since": _json(actor.contested_since, reader),
        "keys": keys,
    }


def _place(relative: int, reader: Reader) -> str:
    return str(reader.position_of(relative))


def _json(relative: int | None, reader: Reader) -> Json:
    return None if relative is None else place_json(reader.position_of(relative))


def _since(actor: Actor, reader: Reader) -> str:
    since = actor.contested_since
    return "" if since is None else f"since entry {_place(since, reader)}"


def _enroller(actor: Actor, known: Mapping[ActorId, str]) -> str:
    if actor.enroller is None:
        return "governors"
    return known.get(actor.enroller, actor.enroller.hex())


def _validity(actor: Actor, registry: Registry) -> str:
    if actor.statement_key is None:
        return "no: its key has ended"
    if not registry.has_effect(actor):
        return "no: who enrolled it is contested"
    parts = [f"from {when(actor.from_ms)}"] if actor.from_ms else []
    parts += [f"until {when(actor.until_ms)}"] if actor.until_ms else []
    return " ".join(parts) or "always"
