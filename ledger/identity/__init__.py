"""Identity: who may sign at a position of the log (docs/spec/registry.md).

genesis    the first leaf's body: governors, and the log's own keys
bodies     enrolments, rotations, revocations, contests, new governors
roles      the tables: who signs what where, who enrols whom
approvals  governors' signatures under what another governor does
actors     an enrolled actor with its keys
registry   all of it at a position, as a fold over the entries
changes    whether an entry may change it there
succession  the first leaf's body in a log that takes over from another one
requests   approvals of governors whose keys are elsewhere, as files
"""

from ledger.identity.actors import Actor, ActorKey
from ledger.identity.approvals import (
    Act,
    approval_payload,
    check_approvals,
    parse_approval,
    sign_approval,
)
from ledger.identity.bodies import (
    MAX_GOVERNORS,
    ActorBody,
    Change,
    Contest,
    Enrol,
    Governor,
    Governors,
    NewKey,
    Quorum,
    Revoke,
    Rotate,
    change_bytes,
    decode_actor_body,
    decode_trust_body,
    threshold_of,
    with_quorum,
)
from ledger.identity.changes import (
    Place,
    check_change,
    check_leaf,
    check_signature,
    found_registry,
)
from ledger.identity.genesis import Genesis, check_founding, genesis_act
from ledger.identity.registry import Registry
from ledger.identity.roles import ROLES, check_role
from ledger.identity.succession import (
    End,
    Predecessor,
    Renewal,
    Succession,
    new_act,
    succeeded_registry,
)

__all__ = [
    "MAX_GOVERNORS",
    "ROLES",
    "Act",
    "Actor",
    "ActorBody",
    "ActorKey",
    "Change",
    "Contest",
    "End",
    "Enrol",
    "Genesis",
    "Governor",
    "Governors",
    "NewKey",
    "Place",
    "Predecessor",
    "Quorum",
    "Registry",
    "Renewal",
    "Revoke",
    "Rotate",
    "Succession",
    "approval_payload",
    "change_bytes",
    "check_approvals",
    "check_change",
    "check_founding",
    "check_leaf",
    "check_role",
    "check_signature",
    "decode_actor_body",
    "decode_trust_body",
    "found_registry",
    "genesis_act",
    "new_act",
    "parse_approval",
    "sign_approval",
    "succeeded_registry",
    "threshold_of",
    "with_quorum",
]
