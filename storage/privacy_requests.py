"""Privacy requests of shoppers and stores, and keyed hashes of redacted identities.

A keyed hash is an HMAC under the installation's key: given an identity or an address, it shows
whether that was redacted; by itself it names no one.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Index, delete, text, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.channels import channels_reached_by
from storage.engine import db, encryption, leases
from storage.engine.types import Encrypted, json_column, moment, row_key, shop_key
from storage.profiles import BROWSER, CHECKOUT, ORDER, SUBSCRIPTION

DATA_REQUEST, REDACT = "customers/data_request", "customers/redact"
SHOP_REDACT = "shop/redact"
NEW, DONE, EXPIRED = "new", "done", "expired"
LEASE_S = 60.0
# Sources of a consent that came through the owner's mailbox: any visitor can type any address into
# a form.
OWNER_SOURCES = ("link", "confirmation", "preferences")
# These name one thing of a data subject for good: later facts about it are still about them.
PERMANENT_IDENTITIES = (ORDER, CHECKOUT, SUBSCRIPTION)
ADDRESSES_BATCH_SIZE = 500  # marks looked up in one statement


class PrivacyRequest(SQLModel, table=True):
    """One request of Shopify's or the operator's. What names a person in it is encrypted."""

    __tablename__ = "privacy_request"
    __table_args__ = (
        Index("privacy_request_key", "shop_id", "dedupe_key", unique=True),
        Index("privacy_request_due", "due_at", postgresql_where=text("state = 'new'"),
              sqlite_where=text("state = 'new'")),
    )  # fmt: skip

    shop_id: int = shop_key()
    id: int = row_key()
    dedupe_key: str = Field(description="keyed hash: the same request is kept once")
    kind: str
    state: str = NEW
    requested_at: datetime = moment()
    done_at: datetime | None = moment(default=None)
    due_at: datetime = moment()
    lease_until: float = 0.0
    subject: str | None = Field(default=None, sa_type=Encrypted, description="until it is done")
    keyed_hashes: list[str] = json_column(list)
    export: str | None = Field(default=None, sa_type=Encrypted, description="the file, as JSON")
    expires_at: datetime | None = moment(default=None)


class RedactedIdentity(SQLModel, table=True):
    """The keyed hash of an identity of a redacted shopper.

    Facts about it from up to `redacted_at` are not recorded again, however late they come.
    """

    __tablename__ = "redacted_identity"

    shop_id: int = shop_key()
    keyed_hash: str = Field(primary_key=True)
    redacted_at: datetime = moment()


class Suppression(SQLModel, table=True):
    """The keyed hash of an address that gets no marketing until its owner signs up anew."""

    shop_id: int = shop_key()
    channel: str = Field(primary_key=True)
    keyed_hash: str = Field(primary_key=True)
    at: datetime = moment()


ANONYMOUS_BROWSER_PREFIX = (
    "analytics:"  # before the hash of a browser with consent to analytics alone
)
ANONYMOUS_BROWSER_PURPOSE = "browsers apart"


@dataclass(slots=True)
class DataSubject:
    """A person as our tables know them. `keys` are (kind, value) of `storage.profiles`.

    `unproven` are those of the keys that they typed themselves: anybody can type anybody's number.
    """

    keys: list[tuple[str, str]] = field(default_factory=list)
    profile_ids: list[int] = field(default_factory=list)
    order_ids: list[int] = field(default_factory=list)
    unproven: list[tuple[str, str]] = field(default_factory=list)

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """Return (channel, address) of each address of the data subject."""
        return [(c, value) for kind, value in self.keys for c in channels_reached_by(kind)]


def keyed_hashes(purpose: str, words: Iterable[str]) -> dict[str, str]:
    """{mark: word} under each of the installation's keys; the current key's come first."""
    each = list(words)
    return {
        f"{key_id}.{hmac.new(key, word.encode(), hashlib.sha256).hexdigest()}": word
        for key_id, key in encryption.derive_keys(purpose).items()
        for word in each
    }


def keyed_hash(purpose: str, word: str) -> str:
    """The mark of one word under the current key."""
    return next(iter(keyed_hashes(purpose, [word])))


def anonymous_browser_key(shop_id: int, browser: str) -> str:
    """Return the name of a browser while its shopper allows analytics alone.

    It does not lead back to the browser, and only the installation's key leads from the browser to
    it.
    """
    return ANONYMOUS_BROWSER_PREFIX + keyed_hash(
        ANONYMOUS_BROWSER_PURPOSE, _word(shop_id, BROWSER, browser)
    )


def anonymous_browser_keys(shop_id: int, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The keys that those of a person's browsers had, or would have, apart."""
    words = [_word(shop_id, kind, value) for kind, value in keys if kind == BROWSER]
    return {
        (BROWSER, ANONYMOUS_BROWSER_PREFIX + marked)
        for marked in keyed_hashes(ANONYMOUS_BROWSER_PURPOSE, words)
    }


def add_request(session: Session, row: dict[str, Any]) -> int | None:
    """Keep a request, once for each `unique_key`; its id when it is new."""
    kept = session.connection().execute(
        db.insert(PrivacyRequest)
        .values(row)
        .on_conflict_do_nothing()
        .returning(db.table_of(PrivacyRequest).c.id)
    )
    found = kept.first()
    return None if found is None else int(found[0])


def get_request(session: Session, shop_id: int, request_id: int) -> PrivacyRequest | None:
    """One request."""
    return session.get(PrivacyRequest, (shop_id, request_id))


def lock_request(session: Session, shop_id: int, request_id: int) -> PrivacyRequest | None:
    """One request, locked for this transaction."""
    return session.get(PrivacyRequest, (shop_id, request_id), with_for_update=True)


def requests_of(session: Session, shop_id: int, limit: int = 20) -> Sequence[Any]:
    """A shop's requests, newest first, without their files: `ready` says whether there is one."""
    request = PrivacyRequest
    shown = (request.id, request.kind, request.state, request.requested_at, request.expires_at)
    newest = (col(request.requested_at).desc(), col(request.id).desc())
    return (
        session.connection()
        .execute(
            columns(*map(col, shown), col(request.export).is_not(None).label("ready"))
            .where(col(request.shop_id) == shop_id)
            .order_by(*newest)
            .limit(limit)
        )
        .all()
    )


def claim_due(session: Session, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Lease requests of all shops that are to be carried out; (shop id, request id)."""
    return leases.claim_due(session, PrivacyRequest, NEW, now, limit, LEASE_S)


def delete_exports(session: Session, shop_id: int, marks: Iterable[str]) -> None:
    """Empty every export file about a person with one of these keyed hashes."""
    hers = set(marks)
    held = session.exec(
        select(PrivacyRequest.id, PrivacyRequest.keyed_hashes).where(
            PrivacyRequest.shop_id == shop_id, PrivacyRequest.kind == DATA_REQUEST
        )
    )
    ids = [request_id for request_id, hashes in held if hers.intersection(hashes)]
    session.connection().execute(
        update(PrivacyRequest)
        .where(col(PrivacyRequest.shop_id) == shop_id, col(PrivacyRequest.id).in_(ids))
        .values(export=None, subject=None, state=EXPIRED)
    )


def expire_exports(session: Session, now: datetime) -> None:
    """Empty the expired export files of all shops."""
    over = (
        update(PrivacyRequest)
        .where(col(PrivacyRequest.expires_at) <= now, col(PrivacyRequest.export).is_not(None))
        .values(export=None, state=EXPIRED)
        .execution_options(synchronize_session=False)
    )
    db.across_shops(session, over, "the clock empties files that were to be fetched by now")


def add_redacted(
    session: Session, shop_id: int, keys: Iterable[tuple[str, str]], until: datetime
) -> None:
    """Mark identities as redacted up to a moment; a later moment stays."""
    rows = [
        {
            "shop_id": shop_id,
            "keyed_hash": keyed_hash("redaction", _word(shop_id, *key)),
            "redacted_at": until,
        }
        for key in sorted(set(keys))
    ]
    if rows:
        upsert = db.insert(RedactedIdentity)
        session.connection().execute(
            upsert.on_conflict_do_update(
                index_elements=["shop_id", "keyed_hash"],
                set_={"redacted_at": upsert.excluded.redacted_at},
                where=upsert.excluded.redacted_at > RedactedIdentity.redacted_at,
            ),
            rows,
        )


def has_redacted(session: Session, shop_id: int) -> bool:
    """Return whether a shop has redacted anyone at all: only then does each identity
    cost a hash.
    """
    query = select(RedactedIdentity.keyed_hash).where(RedactedIdentity.shop_id == shop_id)
    return session.exec(query.limit(1)).first() is not None


def redacted_among(
    session: Session, shop_id: int, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], datetime]:
    """Return which of these identities are redacted, and up to which moment."""
    by_word = {_word(shop_id, *key): key for key in keys}
    words = keyed_hashes("redaction", by_word)
    found: dict[tuple[str, str], datetime] = {}
    every = list(words)
    for start in range(0, len(every), ADDRESSES_BATCH_SIZE):
        rows = session.exec(
            select(RedactedIdentity.keyed_hash, RedactedIdentity.redacted_at).where(
                RedactedIdentity.shop_id == shop_id,
                col(RedactedIdentity.keyed_hash).in_(every[start : start + ADDRESSES_BATCH_SIZE]),
            )
        )
        for each, until in rows:
            key = by_word[words[each]]
            found[key] = max(until, found.get(key, until))
    return found


def suppress_addresses(
    session: Session, shop_id: int, addresses: Iterable[tuple[str, str]], at: datetime
) -> None:
    """Send nothing more to these (channel, address) pairs."""
    rows = [
        {"shop_id": shop_id, "channel": channel, "keyed_hash": found, "at": at}
        for channel, address in sorted(set(addresses))
        for found in [keyed_hash("suppression", f"{shop_id}:{channel}:{address}")]
    ]
    if rows:
        upsert = db.insert(Suppression)
        session.connection().execute(
            upsert.on_conflict_do_update(
                index_elements=["shop_id", "channel", "keyed_hash"],
                set_={"at": upsert.excluded.at},
                where=upsert.excluded.at > Suppression.at,
            ),
            rows,
        )


def suppressed_addresses(
    session: Session, shop_id: int, addresses: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[Suppression]]:
    """Which of these (channel, address) pairs are suppressed."""
    nobody = session.exec(
        select(Suppression.keyed_hash).where(Suppression.shop_id == shop_id).limit(1)
    )
    if nobody.first() is None:
        return {}
    by_word = {
        f"{shop_id}:{channel}:{address}": (channel, address) for channel, address in addresses
    }
    words = keyed_hashes("suppression", by_word)
    found: dict[tuple[str, str], list[Suppression]] = {}
    every = list(words)
    for start in range(0, len(every), ADDRESSES_BATCH_SIZE):
        for row in session.exec(
            select(Suppression).where(
                Suppression.shop_id == shop_id,
                col(Suppression.keyed_hash).in_(every[start : start + ADDRESSES_BATCH_SIZE]),
            )
        ):
            found.setdefault(by_word[words[row.keyed_hash]], []).append(row)
    return found


def lifts_suppression(
    session: Session, shop_id: int, yeses: Sequence[dict[str, Any]]
) -> Sequence[dict[str, Any]]:
    """Return those of one shop's new consents (rows of the ledger) that take effect.

    For a suppressed address only its owner's own later consent does, and it lifts the suppression:
    an import, or a state that the storefront kept, is no new decision of theirs, and anybody can
    type the address into a form.
    """
    held = suppressed_addresses(
        session, shop_id, {(row["channel"], row["address"]) for row in yeses}
    )
    if not held:
        return yeses
    for row in yeses:
        rows = held.get((row["channel"], row["address"]), [])
        if row["source"] in OWNER_SOURCES and all(row["occurred_at"] > each.at for each in rows):
            session.connection().execute(
                delete(Suppression).where(
                    col(Suppression.shop_id) == shop_id,
                    col(Suppression.channel) == row["channel"],
                    col(Suppression.keyed_hash).in_([each.keyed_hash for each in rows]),
                )
            )
            held.pop((row["channel"], row["address"]), None)
    return [row for row in yeses if (row["channel"], row["address"]) not in held]


def _word(shop_id: int, kind: str, value: str) -> str:
    return f"{shop_id}:{kind}:{value}"
