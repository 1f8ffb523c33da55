"""Guessing passwords is made slow, before any hashing and without locking the owner out.

Three counters, all reserved before the password is looked at, so that parallel attempts can't slip through:
the network address (all accounts), the account as tried from that address, and the account as tried from anywhere.
The last one is wider and does not bind a network from which the account has signed in before: strangers can't lock a
person out of the own office. All of them end by themselves; none tells whether the account exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from pymongo import ReturnDocument

from core.clock import now
from core.collections import scoped
from core.errors import TooManyRequests
from core.ratelimit import Limit, bucket_id, require
from core.security.emails import email_key
from core.settings import Settings
from models.guards import LoginGuard, RateBucket

ANYWHERE_FACTOR = 4
"""How many times the attempts per network the account may be tried from everywhere together."""
KNOWN_NETWORK_DAYS = 90
IPV6_PREFIX = 64
"""One subscriber of IPv6 has a whole /64: it counts as one address."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """One attempt that was counted. `succeed` gives it back."""

    here: str
    anywhere: str
    known: str
    counted_anywhere: bool


async def reserve(settings: Settings, email: str, address: str) -> Reservation:
    """Count an attempt to sign in; raises `TooManyRequests` with the time to wait once the attempts are used up.

    A refused attempt does not lengthen the wait.
    """
    await require_address(settings, address)
    here, anywhere, known = _keys(email, address)
    limit, seconds = settings.security.lockout_attempts, settings.security.lockout_seconds
    account = _account(email)
    await _count(here, account, limit, seconds)
    is_known = await _is_known(known)
    if not is_known:
        await _count(anywhere, account, limit * ANYWHERE_FACTOR, seconds)
    return Reservation(here, anywhere, known, counted_anywhere=not is_known)


async def require_address(settings: Settings, address: str, door: str = "sign-in") -> None:
    """One token of the address's bucket for everything that guesses at secrets (sign-in, password links); a `door` of
    its own counts for itself.
    """
    limit = Limit(settings.http.rate_limit_logins_per_minute)
    await require(scoped(RateBucket).raw, f"{door}|{network_of(address)}", limit)


async def succeed(reservation: Reservation) -> None:
    """The password was right: forget this network's attempts, and remember the network."""
    guards = scoped(LoginGuard)
    await guards.delete({"_id": bucket_id(reservation.here)})
    if reservation.counted_anywhere:
        await guards.update_one(
            {"_id": bucket_id(reservation.anywhere), "attempts": {"$gt": 0}}, {"$inc": {"attempts": -1}}
        )
    fields = {"key": reservation.known, "attempts": 0, "window_ends_at": now() + timedelta(days=KNOWN_NETWORK_DAYS)}
    await guards.update_one({"_id": bucket_id(reservation.known)}, {"$set": fields}, upsert=True)


async def unlock(email: str) -> int:
    """Forget all attempts on the account, from wherever; how many counters that were.

    For whoever proved to hold the mailbox, and for admins. Networks from which the account signed in stay known.
    """
    return (await scoped(LoginGuard).delete({"account": _account(email)})).deleted_count


async def locked_until(emails: Iterable[str]) -> dict[str, datetime]:
    """Until when sign-in is refused from at least one network, by the address as given; open accounts are left out."""
    by_account = {_account(email): email for email in emails}
    used_up = {"account": {"$in": list(by_account)}, "window_ends_at": {"$gt": now()}}
    found: dict[str, datetime] = {}
    for guard in await scoped(LoginGuard).rows({**used_up, "$expr": {"$gte": ["$attempts", "$limit"]}}):
        email = by_account[guard["account"]]
        found[email] = max(guard["window_ends_at"], found.get(email, guard["window_ends_at"]))
    return found


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, an IPv6 /64, or the text itself where it is neither."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ip_network((int(ip), IPV6_PREFIX), strict=False))


def _keys(email: str, address: str) -> tuple[str, str, str]:
    person, network = email_key(email), network_of(address)
    return _digest("here", person, network), _digest("anywhere", person), _digest("known", person, network)


def _account(email: str) -> str:
    return _digest("account", email_key(email))


def _digest(*parts: str) -> str:
    return sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


async def _is_known(key: str) -> bool:
    return await scoped(LoginGuard).exists({"_id": bucket_id(key), "window_ends_at": {"$gt": now()}})


async def _count(key: str, account: str, limit: int, seconds: int) -> None:
    """Add one attempt in one atomic update on the server's clock; a window that ended starts anew."""
    live = {"$gt": ["$window_ends_at", "$$NOW"]}
    end = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": seconds}}
    more = {"$min": [{"$add": ["$attempts", 1]}, limit + 1]}
    fields = {
        "key": key,
        "account": account,
        "limit": limit,
        "attempts": {"$cond": [live, more, 1]},
        "window_ends_at": {"$cond": [live, "$window_ends_at", end]},
    }
    guard = await scoped(LoginGuard).raw.find_one_and_update(
        {"_id": bucket_id(key)}, [{"$set": fields}], upsert=True, return_document=ReturnDocument.AFTER
    )
    assert guard is not None, "an upsert answers with its document"
    if guard["attempts"] > limit:
        wait = (guard["window_ends_at"] - now()).total_seconds()
        raise TooManyRequests("Too many attempts to sign in; wait and try again.", retry_after=max(1.0, wait))
