"""The consent ledger: every consent entry, kept for good, each chained to the one before it.

There is one chain for each address and channel of a shop, so that writers of different people never
wait for each other, and redacting one person breaks no other chain. An entry's hash is an HMAC,
under the installation's key, over the hash before it and all fields of the entry: with the database
and without the key, an entry that fits cannot be made.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NotRequired, TypedDict, cast

from sqlalchemy import Index, and_, delete, false, or_, text
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import append_only, bulk, db, encryption
from storage.engine.types import big, enum_column, moment, row_key, shop_key

LedgerKey = tuple[str, str]  # a channel and an address on it
FORGOTTEN = "forgotten:"  # before the keyed hash of a redacted address
PLACES_BATCH_SIZE = 500  # places looked at together
BUCKETS = 64  # locks that one transaction holds at most, for any size of its batch


class ConsentState(StrEnum):
    """What an address allows."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    PENDING = "pending"  # asked to confirm, and did not yet
    IMPLIED = "implied"  # by a purchase, until `expires_at`: CASL, section 10(9) and (10)
    BOUNCED = "bounced"  # the mailbox does not exist; a later sign-up replaces it


class ConsentPurpose(StrEnum):
    """What messages a consent is for."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    OPEN_TRACKING = "open_tracking"  # that it is noted when they open a mail


class ConsentSource(StrEnum):
    """Where a shopper said it."""

    STOREFRONT = "storefront"  # Shopify reported it
    FORM = "form"
    CONFIRMATION = "confirmation"  # the link in the mail of a double opt-in
    PREFERENCES = "preferences"  # the preference page
    LINK = "link"  # the unsubscribe link of a message
    ONE_CLICK = "one-click"  # the mail program's button: RFC 8058
    IMPORT = "import"  # a merchant's file
    ORDER = "order"
    MERCHANT = "merchant"  # the shopper asked the merchant
    BOUNCE = "bounce"  # the mail relay's answer


class ConsentEvent(SQLModel, table=True):
    """One entry, never changed: the address, its new state, the source and the disclosure shown."""

    __tablename__ = "consent_event"
    __table_args__ = (
        Index("consent_event_place", "shop_id", "channel", "address", "position", unique=True),
        Index("consent_event_key", "shop_id", "dedupe_key", unique=True),
        Index("consent_event_profile", "shop_id", "profile_id"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    position: int = Field(description="1, 2, … in the chain of its channel and address")
    hash: str = Field(description="id of the key, HMAC over the hash before and this entry")
    dedupe_key: str
    channel: str
    address: str
    purpose: ConsentPurpose = enum_column(ConsentPurpose, default=ConsentPurpose.MARKETING)
    state: ConsentState = enum_column(ConsentState)
    occurred_at: datetime = moment()
    recorded_at: datetime = moment()
    source: ConsentSource = enum_column(ConsentSource)
    method: str = Field(default="", description="how it was said there: checkbox, button, purchase")
    # the source profile, even after a merge
    profile_id: int | None = big(nullable=True, default=None)
    disclosure: str = Field(default="", description="the exact words that were shown")
    form_id: int | None = big(nullable=True, default=None)
    form_version: int | None = None
    page: str = ""
    ip: str = ""
    user_agent: str = ""
    legal_basis: str = "consent"
    expires_at: datetime | None = moment(default=None)
    takes_effect: bool = Field(
        default=True, description="false: heard, yet the address is suppressed"
    )


class ReportedConsent(TypedDict):
    """What tells whether an entry is new."""

    shop_id: int
    dedupe_key: str
    channel: str
    address: str
    state: ConsentState
    occurred_at: datetime
    source: ConsentSource


class ConsentEntry(ReportedConsent):
    """One row for the ledger; it gives itself what is not required, and position and hash."""

    id: int
    position: NotRequired[int]
    hash: NotRequired[str]
    purpose: NotRequired[ConsentPurpose]
    recorded_at: datetime
    method: NotRequired[str]
    profile_id: NotRequired[int | None]
    disclosure: NotRequired[str]
    form_id: NotRequired[int | None]
    form_version: NotRequired[int | None]
    page: NotRequired[str]
    ip: NotRequired[str]
    user_agent: NotRequired[str]
    legal_basis: NotRequired[str]
    expires_at: NotRequired[datetime | None]
    takes_effect: NotRequired[bool]


class ConsentChain(SQLModel, table=True):
    """Where a chain ends, so that entries missing at its end are missed."""

    __tablename__ = "consent_chain"

    shop_id: int = shop_key()
    channel: str = Field(primary_key=True)
    address: str = Field(primary_key=True)
    length: int
    hash: str


UNSET_COLUMNS = {
    name: each.default for name, each in ConsentEvent.model_fields.items() if not each.is_required()
}
HASHED_COLUMNS = sorted(set(ConsentEvent.model_fields) - {"hash"})
_canonical_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def lock_chains(session: Session, shop_id: int, places: Iterable[LedgerKey]) -> None:
    """Let only this transaction write these chains; always in the same order, so that none cross.

    SQLite has one writer anyway.
    """
    if db.is_sqlite(db.engine()):
        return
    buckets = sorted({_number(shop_id, *place) % BUCKETS for place in places})
    session.connection().execute(
        text(
            "SELECT pg_advisory_xact_lock(CAST(:shop AS int), bucket)"
            " FROM unnest(CAST(:buckets AS int[])) AS bucket"
        ),
        {"shop": _number(shop_id) - 2**31, "buckets": buckets},
    )


def new_entries(session: Session, shop_id: int, rows: Iterable[ConsentEntry]) -> list[ConsentEntry]:
    """Those of a shop's entries that are not in the ledger yet, once each, and complete."""
    by_key: dict[str, ConsentEntry] = {}
    for row in rows:
        by_key.setdefault(row["dedupe_key"], cast("ConsentEntry", UNSET_COLUMNS | row))
    for key in known_keys(session, shop_id, by_key):
        del by_key[key]
    return list(by_key.values())


def known_keys(session: Session, shop_id: int, keys: Collection[str]) -> set[str]:
    """Return those of some dedupe keys that the ledger has."""
    known = select(ConsentEvent.dedupe_key).where(
        ConsentEvent.shop_id == shop_id, bulk.is_among(col(ConsentEvent.dedupe_key), keys)
    )
    return set(session.exec(known))


def append_entries(session: Session, shop_id: int, rows: Sequence[ConsentEntry]) -> None:
    """Chain complete entries of one shop to those before them. The caller holds their lock.

    An entry that comes with a `hash` keeps it: see `rewrite_chain`.
    """
    if not rows:
        return
    key_id, key = encryption.derive_key("ledger")
    ends = ends_of(session, shop_id, {(row["channel"], row["address"]) for row in rows})
    fresh: set[LedgerKey] = set()
    for row in rows:
        place = (row["channel"], row["address"])
        length, last = ends.get(place, (0, ""))
        row["position"] = length + 1
        row.setdefault("hash", f"{key_id}.{entry_hash(key, last, row)}")
        ends[place] = (row["position"], row["hash"])
        fresh.add(place)
    bulk.add_rows(session, ConsentEvent, rows)
    upsert = db.insert(ConsentChain)
    session.connection().execute(
        upsert.on_conflict_do_update(
            index_elements=["shop_id", "channel", "address"],
            set_={"length": upsert.excluded.length, "hash": upsert.excluded.hash},
        ),
        [
            {
                "shop_id": shop_id,
                "channel": at[0],
                "address": at[1],
                "length": ends[at][0],
                "hash": ends[at][1],
            }
            for at in sorted(fresh)
        ],
    )


def entry_hash(key: bytes, before: str, row: Mapping[str, object]) -> str:
    """Return the HMAC, in hexadecimal, of an entry that follows the hash `before`."""
    # What is empty is left out, so that a column of a later version leaves old hashes as they are.
    fields = {name: _canonical(row[name]) for name in HASHED_COLUMNS if row[name] not in (None, "")}
    return hmac.new(key, _canonical_json([before, fields]).encode(), hashlib.sha256).hexdigest()


def ends_of(
    session: Session, shop_id: int, places: Collection[LedgerKey]
) -> dict[LedgerKey, tuple[int, str]]:
    """Length and last hash of each chain that there is."""
    ends = session.connection().execute(
        columns(db.table_of(ConsentChain)).where(
            col(ConsentChain.shop_id) == shop_id, stands_at(ConsentChain, places)
        )
    )
    return {(end.channel, end.address): (end.length, end.hash) for end in ends}


def entries_at(
    session: Session, shop_id: int, places: Collection[LedgerKey]
) -> dict[LedgerKey, list[ConsentEntry]]:
    """Every entry of some chains as plain rows, in the order of their positions."""
    found: dict[LedgerKey, list[ConsentEntry]] = {place: [] for place in places}
    table = db.table_of(ConsentEvent)
    rows = session.connection().execute(
        columns(table)
        .where(table.c.shop_id == shop_id, stands_at(ConsentEvent, places))
        .order_by(table.c.position)
    )
    for row in rows:
        found[(row.channel, row.address)].append(cast("ConsentEntry", dict(row._mapping)))
    return found


def rewrite_chain(
    session: Session,
    shop_id: int,
    place: LedgerKey,
    *,
    address: str,
    erased: Collection[int],
    flawed: Collection[int | None],
) -> None:
    """Move a chain to another address, and blank who made its `erased` entries, by their ids.

    Only for redaction; the caller holds the lock of both. Ids in `flawed` had no hash that fits,
    and get none: a violation stays detectable.
    """
    rows = entries_at(session, shop_id, [place])[place]
    with append_only.permit_erasure(session, shop_id):
        for table in (ConsentEvent, ConsentChain):
            session.connection().execute(
                delete(table).where(col(table.shop_id) == shop_id, stands_at(table, [place]))
            )
    for row in rows:
        row["address"] = address
        if row["id"] in erased:
            row["dedupe_key"] = f"{FORGOTTEN}{row['id']}"
            row["profile_id"] = None
            row["page"] = row["ip"] = row["user_agent"] = ""
        del row["hash"]
        if row["id"] in flawed:
            row["hash"] = ""
    append_entries(session, shop_id, rows)


def stands_at(table: Any, places: Iterable[LedgerKey]) -> Any:
    """The rows of a table that are about one of these places."""
    by_channel: dict[str, list[str]] = {}
    for channel, address in sorted(places):
        by_channel.setdefault(channel, []).append(address)
    return or_(
        false(),
        *(
            and_(table.channel == channel, bulk.is_among(table.address, addresses))
            for channel, addresses in by_channel.items()
        ),
    )


def _canonical(value: object) -> object:
    """One spelling of a value, whichever database it comes from."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value


def _number(*parts: object) -> int:
    """Return a number below 2**32 for these parts."""
    name = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=4).digest())
