"""Installed stores: who they are, their tokens, and how they write to their shoppers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine.ids import new_id
from storage.engine.types import Encrypted, json_column, moment


class Shop(SQLModel, table=True):
    """An installed store. A reinstall keeps the row and raises `generation`."""

    id: int = Field(primary_key=True, sa_type=BigInteger)
    domain: str = Field(unique=True, description="its myshopify.com domain")
    name: str = ""
    email: str = ""
    url: str = Field(default="", description="the storefront's public address")
    timezone: str = "UTC"
    currency: str = "USD"
    country: str = ""
    language: str = Field(
        default="", description="of the admin; empty follows the storefront's admin"
    )
    sender_name: str = ""
    sender_email: str = ""
    postal_address: str = Field(
        default="", description="shown under every marketing mail (CAN-SPAM)"
    )
    access_token: str | None = Field(default=None, sa_type=Encrypted)
    refresh_token: str | None = Field(default=None, sa_type=Encrypted)
    token_expires_at: datetime | None = moment(default=None)
    refresh_expires_at: datetime | None = moment(default=None)
    create_customers: bool = Field(
        default=False, description="create a customer for a subscriber without one"
    )
    write_form_answers: bool = Field(
        default=False, description="keep the answers of forms at the storefront's customers"
    )
    implied_countries: str = Field(
        default="", description="where a purchase implies consent for two years: CA; empty: nowhere"
    )
    scopes: str = ""
    generation: int = Field(default=1, description="how many times it was installed")
    grants: int = Field(default=0, description="how often its merchant came back with a code")
    installed_at: datetime = moment()
    uninstalled_at: datetime | None = moment(default=None)
    catalog_synced_at: datetime | None = moment(default=None)
    restored_at: datetime | None = moment(default=None)
    field_times: dict[str, str] = json_column()


class ShopTokens(TypedDict):
    """The columns of `Shop` that let us in; the scopes with new ones."""

    access_token: str | None
    refresh_token: str | None
    token_expires_at: datetime | None
    refresh_expires_at: datetime | None
    scopes: NotRequired[str]


def shop_by_domain(session: Session, domain: str) -> Shop | None:
    """The store with this myshopify.com domain, installed or not."""
    return session.exec(select(Shop).where(Shop.domain == domain)).one_or_none()


def get_shop(session: Session, shop_id: int) -> Shop | None:
    """One store by its id."""
    return session.get(Shop, shop_id)


def is_only_shop(session: Session) -> bool:
    """Whether there is no more than one shop."""
    return len(session.exec(select(Shop.id).limit(2)).all()) < 2


def installed_domains(session: Session) -> dict[str, int]:
    """Domain to id of every installed store, for the way in."""
    rows = session.exec(select(Shop.domain, Shop.id).where(col(Shop.uninstalled_at).is_(None)))
    return dict(rows.all())


def all_domains(session: Session) -> dict[str, int]:
    """Domain to id of every store that rows are kept of, installed or not."""
    return dict(session.exec(select(Shop.domain, Shop.id)).all())


def all_shops(session: Session) -> Sequence[Shop]:
    """Every store that rows are kept of, installed or not, by its domain."""
    return session.exec(select(Shop).order_by(Shop.domain)).all()


def add_shop(session: Session, domain: str, at: datetime, **fields: Any) -> Shop:
    """A store's first install."""
    shop = Shop(id=new_id(), domain=domain, installed_at=at, **fields)
    session.add(shop)
    session.flush()
    return shop


def uninstall(session: Session, shop_id: int, at: datetime) -> None:
    """Record that a store uninstalled the app, unless it was installed again after that.

    Shopify has revoked the tokens by now, so they are deleted.
    """
    shop = session.get(Shop, shop_id, with_for_update=True, populate_existing=True)
    if shop is not None and shop.uninstalled_at is None and at >= shop.installed_at:
        shop.uninstalled_at = at
        shop.access_token = shop.refresh_token = None
        session.add(shop)


def replace_tokens(session: Session, shop_id: int, held: str | None, tokens: ShopTokens) -> bool:
    """Give a store other tokens, unless `held` is no longer its access token: then nothing is done.

    What is sealed never looks the same twice, so the comparison is not the database's.
    """
    shop = session.get(Shop, shop_id, with_for_update=True)
    if shop is None or shop.access_token != held:
        return False
    for name, value in tokens.items():
        setattr(shop, name, value)
    return True


def mark_synced(session: Session, shop_id: int, at: datetime) -> None:
    """Note that the store's catalog was read in full."""
    shop = session.get(Shop, shop_id)
    if shop is not None:
        shop.catalog_synced_at = at


def unsynced(session: Session, before: datetime) -> Sequence[int]:
    """Return ids of the stores that were installed before a moment and have an unread catalog."""
    return session.exec(
        select(Shop.id).where(
            col(Shop.uninstalled_at).is_(None),
            col(Shop.catalog_synced_at).is_(None),
            Shop.installed_at < before,
        )
    ).all()


def update_details(session: Session, shop_id: int, at: datetime, fields: Mapping[str, str]) -> None:
    """Bring a store's own details up to date, each if this is the newest word on it."""
    shop = session.get(Shop, shop_id, with_for_update=True, populate_existing=True)
    if shop is None:
        return
    times = dict(shop.field_times)
    for name, value in fields.items():
        stamp = at.astimezone(UTC).isoformat(timespec="microseconds")
        if stamp >= times.get(name, "") and at >= shop.installed_at:
            if name == "scopes" and set(value.split(",")) - set(shop.scopes.split(",")):
                shop.catalog_synced_at = None  # there is more to read and to do than the last time
            setattr(shop, name, value)
            times[name] = stamp
    shop.field_times = times
    session.add(shop)
