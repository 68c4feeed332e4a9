"""What subscriptions need of the house, as ports. The server binds them to the hall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from audit.event import Call
from dmp.diffusion import Told
from identities.requester import Requester
from identities.subscription import Subscription


class Mine(Protocol):
    """The requester's own, or the one of that id: `dmp.abonnements.mine`."""

    def __call__(self, requester: Requester, call: Call, id_: str = "") -> tuple[Subscription, ...]: ...


@dataclass(frozen=True, slots=True)
class Subscribing:
    """`permitted` is whether the operator lets notifications go to an address."""

    permitted: Callable[[str], bool]
    subscribe: Callable[[Call, Subscription], Subscription]
    mine: Mine
    unsubscribe: Callable[[Requester, Call, str], Subscription | None]
    reactivate: Callable[[Requester, Call, Subscription], Subscription]
    events: Callable[[Requester, Call, Subscription, tuple[int, int]], Sequence[Told]]
