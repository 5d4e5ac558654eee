"""Privacy requests of shoppers and stores, and keyed hashes of redacted identities.

A keyed hash is an HMAC under the installation's key: given an identity or an address, it shows
whether that was redacted; by itself it names no one.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from sqlalchemy import Index, text, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.channels import channels_reached_by
from storage.engine import db, encryption, leases
from storage.engine.types import Encrypted, enum_column, json_column, moment, row_key, shop_key
from storage.profiles import IdentityKind

LEASE_S = 60.0


class PrivacyTopic(StrEnum):
    """What is requested, by the name of Shopify's webhook topic."""

    DATA_REQUEST = "customers/data_request"
    REDACT = "customers/redact"
    SHOP_REDACT = "shop/redact"


class PrivacyRequestState(StrEnum):
    """`new → done → expired`."""

    NEW = "new"
    DONE = "done"
    EXPIRED = "expired"  # its export file is deleted


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
    kind: PrivacyTopic = enum_column(PrivacyTopic)
    state: PrivacyRequestState = enum_column(PrivacyRequestState, default=PrivacyRequestState.NEW)
    requested_at: datetime = moment()
    done_at: datetime | None = moment(default=None)
    due_at: datetime = moment()
    lease_until: float = 0.0
    subject: str | None = Field(default=None, sa_type=Encrypted, description="until it is done")
    keyed_hashes: list[str] = json_column(list)
    export: str | None = Field(default=None, sa_type=Encrypted, description="the file, as JSON")
    expires_at: datetime | None = moment(default=None)


class PrivacyRequestRow(TypedDict):
    """One row of `PrivacyRequest`; the database gives it what is not required."""

    shop_id: int
    id: int
    dedupe_key: str
    kind: PrivacyTopic
    state: NotRequired[PrivacyRequestState]
    requested_at: datetime
    done_at: NotRequired[datetime | None]
    due_at: datetime
    lease_until: NotRequired[float]
    subject: str | None
    keyed_hashes: list[str]
    export: NotRequired[str | None]
    expires_at: NotRequired[datetime | None]


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
        ANONYMOUS_BROWSER_PURPOSE, identity_word(shop_id, IdentityKind.BROWSER, browser)
    )


def anonymous_browser_keys(shop_id: int, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The keys that those of a person's browsers had, or would have, apart."""
    words = [
        identity_word(shop_id, kind, value) for kind, value in keys if kind == IdentityKind.BROWSER
    ]
    return {
        (IdentityKind.BROWSER, ANONYMOUS_BROWSER_PREFIX + marked)
        for marked in keyed_hashes(ANONYMOUS_BROWSER_PURPOSE, words)
    }


def add_request(session: Session, row: PrivacyRequestRow) -> int | None:
    """Keep a request, once for each `dedupe_key`; its id when it is new."""
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
    return leases.claim_due(
        session, PrivacyRequest, PrivacyRequestState.NEW, now, limit=limit, seconds=LEASE_S
    )


def delete_exports(session: Session, shop_id: int, marks: Iterable[str]) -> None:
    """Empty every export file about a person with one of these keyed hashes."""
    wanted = set(marks)
    held = session.exec(
        select(PrivacyRequest.id, PrivacyRequest.keyed_hashes).where(
            PrivacyRequest.shop_id == shop_id, PrivacyRequest.kind == PrivacyTopic.DATA_REQUEST
        )
    )
    ids = [request_id for request_id, hashes in held if wanted.intersection(hashes)]
    session.connection().execute(
        update(PrivacyRequest)
        .where(col(PrivacyRequest.shop_id) == shop_id, col(PrivacyRequest.id).in_(ids))
        .values(export=None, subject=None, state=PrivacyRequestState.EXPIRED)
    )


def expire_exports(session: Session, now: datetime) -> None:
    """Empty the expired export files of all shops."""
    over = (
        update(PrivacyRequest)
        .where(col(PrivacyRequest.expires_at) <= now, col(PrivacyRequest.export).is_not(None))
        .values(export=None, state=PrivacyRequestState.EXPIRED)
        .execution_options(synchronize_session=False)
    )
    db.across_shops(session, over, "the clock empties files that were to be fetched by now")


def identity_word(shop_id: int, kind: str, value: str) -> str:
    """Return what is hashed of an identity; a hash of one shop is of no use in another."""
    return f"{shop_id}:{kind}:{value}"
