"""Suggest pairs of profiles that are likely one person, from new addresses, numbers and names.

Each profile has a few keys that it would share with another of the same person, so that a new one
is compared with few others. A change of a profile only marks it for this check, which costs more
than the change; a worker runs it soon after. Nothing is merged here: the merchant decides.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TypedDict

from sqlmodel import Session

from plugin import clock
from plugin.jobs import Progress, SliceJob
from storage import duplicates, profiles
from storage.duplicates import DuplicateReason, DuplicateState
from storage.engine import db

COMPARED_FIELDS = ("email", "phone", "first_name", "last_name")
# Mail providers that most shoppers use, and that are therefore misspelt most often.
PROVIDERS = (
    "gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "aol.com", "live.com",
    "qq.com", "163.com", "126.com", "naver.com", "web.de", "gmx.de", "orange.fr", "mail.ru",
    "mail.com", "ymail.com", "gmx.net", "gmx.at",
)  # fmt: skip
DOTLESS = ("gmail.com",)  # support.google.com/mail/answer/7436150: dots don't matter
MIN_SIMILARITY = 0.8  # of 1, by difflib: maya.okafor and mayaokafor1 have 0.86, maya and noah 0.5
MIN_COMPARED_CHARS = (
    5  # letters before the @ that a slip is looked for in: an@ and ana@ are two people
)

PROFILES_BATCH_SIZE = 50  # profiles in a transaction: the digest of their shop waits for it


class ComparedProfile(TypedDict):
    """What of a profile's row is compared with others'."""

    email: str | None
    phone: str | None
    first_name: str | None
    last_name: str | None


def check_next_profiles(shop_id: int) -> Progress:
    """Look for duplicates of the next profiles that look different since the last time."""
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        found = _look(session, shop_id, clock.now())
    return Progress.MORE if found else Progress.DONE


def find_due_shops(session: Session, now: datetime) -> list[int]:
    """Shops with profiles that were not compared yet; they are due at once."""
    return duplicates.shops_with_unchecked(session)


SLICE_JOB = SliceJob("likeness", check_next_profiles, find_due_shops)


def _look(session: Session, shop_id: int, now: datetime) -> bool:
    """Suggest duplicates of some profiles; return whether there were any to check."""
    new = duplicates.unchecked_profiles(session, shop_id, PROFILES_BATCH_SIZE)
    if not new:
        return False
    known = profiles.load_profiles(session, shop_id, new)
    keys = {profile_id: duplicate_keys(row) for profile_id, row in known.items()}
    duplicates.save_keys(session, shop_id, new, [(pid, key) for pid in keys for key in keys[pid]])
    pairs = _pairs(session, shop_id, keys)
    known |= profiles.load_profiles(
        session, shop_id, {p for pair in pairs for p in pair} - known.keys()
    )
    duplicates.suggest_duplicates(
        session,
        [
            {"shop_id": shop_id, "profile_id": one, "other_profile_id": other, "reason": because,
             "state": DuplicateState.OPEN, "found_at": now}
            for one, other in sorted(pairs)
            if one in known
            and other in known
            and (because := duplicate_reason(known[one], known[other]))
        ],
    )  # fmt: skip
    duplicates.mark_checked(session, shop_id, new)
    return True


def _pairs(
    session: Session, shop_id: int, keys: Mapping[int, Collection[DuplicateReason]]
) -> set[tuple[int, int]]:
    """Profiles with these keys, each with those that share one with it; the older one first."""
    every = {key for hers in keys.values() for key in hers}
    held = {key: duplicates.profiles_with_key(session, shop_id, key) for key in every}
    return {
        (min(pid, other), max(pid, other))
        for pid, hers in keys.items()
        for key in hers
        for other in held[key]
        if other != pid
    }


def duplicate_keys(row: ComparedProfile) -> set[DuplicateReason]:
    """What a profile would have in common with another one of the same person."""
    found: set[DuplicateReason] = set()
    if row["phone"]:
        found.add(("phone", row["phone"]))
    if row["email"]:
        local, domain = canonical_mailbox(row["email"])
        found.add(("mailbox", f"{local}@{domain}"))
        if len(local) >= MIN_COMPARED_CHARS:
            found.add(("letters", f"{''.join(sorted(local))}@{domain}"))
            found.add(("skeleton", f"{_skeleton(local)}@{domain}"))
    if row["first_name"] and row["last_name"]:
        found.add(("name", _name(row)))
    return {(kind, value[:200]) for kind, value in found}


def duplicate_reason(one: ComparedProfile, other: ComparedProfile) -> str | None:
    """Why two profiles are likely to be one person: phone, mailbox, typo, name; or None."""
    if one["phone"] and one["phone"] == other["phone"]:
        return "phone"
    if not (one["email"] and other["email"]):
        return None
    mine, hers = canonical_mailbox(one["email"]), canonical_mailbox(other["email"])
    if mine == hers:
        return "mailbox" if _plain(one["email"]) == _plain(other["email"]) else "typo"
    long_enough = min(len(mine[0]), len(hers[0])) >= MIN_COMPARED_CHARS
    if long_enough and mine[1] == hers[1] and is_one_typo_apart(mine[0], hers[0]):
        return "typo"
    if not (one["first_name"] and one["last_name"]) or _name(one) != _name(other):
        return None
    ratio = SequenceMatcher(None, mine[0], hers[0], autojunk=False).ratio()
    return "name" if ratio >= MIN_SIMILARITY else None


def canonical_mailbox(email: str) -> tuple[str, str]:
    """(local part, domain) of the mailbox that an address probably means."""
    local, domain = _plain(email)
    near = _meant(domain)
    return (local.replace(".", "") if near in DOTLESS else local), near


@lru_cache(4096)
def _meant(domain: str) -> str:
    """The provider that a domain is a slip of, or the domain."""
    if domain in PROVIDERS:
        return domain
    return next((known for known in PROVIDERS if is_one_typo_apart(domain, known)), domain)


def is_one_typo_apart(one: str, other: str) -> bool:
    """Return whether two texts differ by one letter more, less, wrong, or by two swapped.

    A digit is no typo: ana1 and ana2 are two people.
    """
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while one[start : start + 1] == other[start : start + 1]:
        start += 1
    a, b = one[start:], other[start:]
    if a[2:] == b[2:] and len(a) == len(b) > 1 and a[:2] == b[1::-1]:
        return True
    slipped = (a[:1] if a[1:] in (b, b[1:]) else "") + (b[:1] if b[1:] in (a, a[1:]) else "")
    return bool(slipped) and not re.search(r"\d", slipped)


def _plain(email: str) -> tuple[str, str]:
    """An address without what mail programs let anybody add to it."""
    local, _, domain = email.lower().rpartition("@")
    domain = {"googlemail.com": "gmail.com"}.get(domain, domain)
    local = local.partition("+")[0] or local
    return (local.replace(".", "") if domain in DOTLESS else local), domain


def _skeleton(local: str) -> str:
    """Its consonants and digits, repeated ones once: vowels are what slips most."""
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouy._-]", "", local))


def _name(row: ComparedProfile) -> str:
    return f"{row['first_name']} {row['last_name']}".casefold()
