"""Privacy: what shoppers and stores asked of us, and keyed hashes of those who are forgotten.

A mark is an HMAC under the installation's key: it says that a key or an address is forgotten to
whoever shows it, and names nobody to whoever reads it.
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

from storage.engine import db, encryption, leases
from storage.engine.types import Encrypted, json_column, moment, row_key, shop_key
from storage.profiles import BROWSER, CHECKOUT, EMAIL, ORDER, PHONE, PUSH, SUBSCRIPTION

DATA_REQUEST, REDACT = "customers/data_request", "customers/redact"
SHOP_REDACT = "shop/redact"
NEW, DONE, EXPIRED = "new", "done", "expired"
LEASE_S = 60.0
# What each kind of address can be reached by, and the kind that a channel needs.
CHANNELS = {
    EMAIL: ("email",),
    PHONE: ("sms", "whatsapp", "rcs", "viber", "voice"),
    PUSH: ("push",),
}
KIND_OF = {channel: kind for kind, channels in CHANNELS.items() for channel in channels}
# Sources of a consent that came through her own mailbox: anybody can type an address into a form.
OWNER_SOURCES = ("link", "confirmation", "preferences")
# These name one thing of hers, which stays hers: whatever is said of it later is still about it.
PERMANENT_IDENTITIES = (ORDER, CHECKOUT, SUBSCRIPTION)
ADDRESSES_BATCH_SIZE = 500  # marks looked up in one statement


class PrivacyRequest(SQLModel, table=True):
    """One request of Shopify's or the operator's. What names somebody in it is encrypted."""

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
    """The keyed hash of something that a forgotten shopper was known by.

    What was said of it up to `until` is not taken in again, however late it comes.
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
    "analytics:"  # before the mark of a browser whose shopper allows analytics alone
)
ANONYMOUS_BROWSER_PURPOSE = "browsers apart"


@dataclass(slots=True)
class DataSubject:
    """A person as our tables know her. `keys` are (kind, value) of `storage.profiles`.

    `unproven` are those of the keys that she typed herself: anybody can type anybody's number.
    """

    keys: list[tuple[str, str]] = field(default_factory=list)
    profile_ids: list[int] = field(default_factory=list)
    order_ids: list[int] = field(default_factory=list)
    unproven: list[tuple[str, str]] = field(default_factory=list)

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """(channel, address) of each way to reach her."""
        return [(c, value) for kind, value in self.keys for c in CHANNELS.get(kind, ())]


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
    """What a browser goes by while its shopper allows analytics alone: nobody comes from there to
    the browser, and from the browser only who has this installation's key.
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
    """Empty every file that was made about somebody with one of these marks."""
    hers = set(marks)
    held = session.exec(
        select(PrivacyRequest.id, PrivacyRequest.keyed_hashes).where(
            PrivacyRequest.shop_id == shop_id, PrivacyRequest.kind == DATA_REQUEST
        )
    )
    ids = [request_id for request_id, whose in held if hers.intersection(whose)]
    session.connection().execute(
        update(PrivacyRequest)
        .where(col(PrivacyRequest.shop_id) == shop_id, col(PrivacyRequest.id).in_(ids))
        .values(export=None, subject=None, state=EXPIRED)
    )


def expire_exports(session: Session, now: datetime) -> None:
    """Empty the files of all shops whose time is over."""
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
    """Mark keys as forgotten up to a moment; a later moment stays."""
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
    """Whether a shop has forgotten anybody at all: then each key costs a hash."""
    query = select(RedactedIdentity.keyed_hash).where(RedactedIdentity.shop_id == shop_id)
    return session.exec(query.limit(1)).first() is not None


def redacted_among(
    session: Session, shop_id: int, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], datetime]:
    """Which of these keys are forgotten, and up to which moment."""
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
    """Those of one shop's new consents (rows of the ledger) that count.

    To a suppressed address only her own later word does, and it lifts the suppression: an import,
    or the storefront's word on what it kept, is no new decision of hers, and a form's may be
    anybody's.
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
