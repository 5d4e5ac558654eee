"""Suppressions: addresses that get no marketing, and identities that were redacted."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete
from sqlmodel import Field, Session, SQLModel, col, select

from storage.consent_ledger import ConsentEntry, ConsentSource
from storage.engine import db
from storage.engine.types import moment, shop_key
from storage.privacy_requests import identity_word, keyed_hash, keyed_hashes
from storage.profiles import IdentityKind, RecordKind

# Sources of a consent that came through the owner's mailbox: any visitor can type any address into
# a form.
OWNER_SOURCES = (ConsentSource.LINK, ConsentSource.CONFIRMATION, ConsentSource.PREFERENCES)
# These name one thing of a data subject for good: later facts about it are still about them.
PERMANENT_IDENTITIES = (RecordKind.ORDER, IdentityKind.CHECKOUT, RecordKind.SUBSCRIPTION)
ADDRESSES_BATCH_SIZE = 500  # marks looked up in one statement


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


def add_redacted(
    session: Session, shop_id: int, keys: Iterable[tuple[str, str]], until: datetime
) -> None:
    """Mark identities as redacted up to a moment; a later moment stays."""
    rows = [
        {
            "shop_id": shop_id,
            "keyed_hash": keyed_hash("redaction", identity_word(shop_id, *key)),
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
    return session.exec(_REDACTED, params={"of_shop": shop_id}).first() is not None


_REDACTED = (  # asked with each batch of facts
    select(RedactedIdentity.keyed_hash)
    .where(RedactedIdentity.shop_id == bindparam("of_shop"))
    .limit(1)
)


def redacted_among(
    session: Session, shop_id: int, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], datetime]:
    """Return which of these identities are redacted, and up to which moment."""
    by_word = {identity_word(shop_id, *key): key for key in keys}
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
    session: Session, shop_id: int, yeses: Sequence[ConsentEntry]
) -> Sequence[ConsentEntry]:
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
