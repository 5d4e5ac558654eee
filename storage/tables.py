"""Every table, imported in one place for those who need all of them: migrations and erasure."""

from storage import (
    backfills,
    checkouts,
    consent,
    coupons,
    events,
    flows,
    forms,
    inbox,
    lists,
    messages,
    orders,
    products,
    profiles,
    shops,
    templates,
)

INBOX_TABLES = {inbox.Delivery.__tablename__}

__all__ = [
    "INBOX_TABLES",
    "backfills",
    "checkouts",
    "consent",
    "coupons",
    "events",
    "flows",
    "forms",
    "inbox",
    "lists",
    "messages",
    "orders",
    "products",
    "profiles",
    "shops",
    "templates",
]
