"""Store prefixes of shoppers' names, folded so that case, accents and spacing do not matter."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import TypedDict

from sqlalchemy import BigInteger, Index, delete
from sqlmodel import Field, Session, SQLModel, col

from storage.engine import bulk
from storage.engine.types import in_code_order, shop_key
from storage.profiles import ProfileRow

MAX_NAME_KEY_CHARS = 100  # letters
ACCENTS = re.compile("[\u0300-\u036f]")
# Chinese, Japanese and Korean: family name first, and no space between it and the other.
CJK = "\u3040-\u9fff\uac00-\ud7af"
_CJK_SPACE = re.compile(f"(?<=[{CJK}]) | (?=[{CJK}])")


class ProfileName(SQLModel, table=True):
    """A whole name, folded, from its one end or from its other: `mina okafor`, `okafor mina`."""

    __tablename__ = "profile_name"
    __table_args__ = (
        Index("profile_name_profile", "shop_id", "profile_id"),
        {"sqlite_with_rowid": False},
    )

    shop_id: int = shop_key()
    prefix: str = Field(primary_key=True, sa_type=in_code_order)
    profile_id: int = Field(primary_key=True, sa_type=BigInteger)


class ProfileNameRow(TypedDict):
    """One row of `ProfileName`."""

    shop_id: int
    prefix: str
    profile_id: int


def fold_name(text: str) -> str:
    """A name or its beginning without capitals, accents and needless spaces."""
    if not text.isascii():
        bare = ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
        text = unicodedata.normalize("NFC", bare)
        return _CJK_SPACE.sub("", " ".join(text.split()))[:MAX_NAME_KEY_CHARS]
    return " ".join(text.lower().split())[:MAX_NAME_KEY_CHARS]


def name_prefixes(first: str | None, last: str | None) -> frozenset[str]:
    """Return the prefixes that find a person by name: either name first."""
    names = [name for name in (first, last) if name]
    return frozenset(filter(None, (fold_name(" ".join(names)), fold_name(" ".join(names[::-1])))))


def save_names(
    session: Session, shop_id: int, rows: Iterable[ProfileRow], known: Collection[int]
) -> None:
    """Let some profiles be found by the names that their rows hold, and the others in `known`,
    which had names before, by none.
    """
    if known:
        session.connection().execute(
            delete(ProfileName).where(
                col(ProfileName.shop_id) == shop_id,
                bulk.is_among(col(ProfileName.profile_id), known),
            )
        )
    bulk.add_rows(session, ProfileName, list(rows_of(shop_id, rows)))


def rows_of(shop_id: int, rows: Iterable[ProfileRow]) -> Iterator[ProfileNameRow]:
    """The rows of this table for some profiles."""
    for row in rows:
        for value in name_prefixes(row["first_name"], row["last_name"]):
            yield {"shop_id": shop_id, "prefix": value, "profile_id": row["id"]}
