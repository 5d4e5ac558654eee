"""Every table, imported in one place for those who need all of them: migrations and erasure."""

from storage import (
    backfills,
    checkouts,
    collections,
    consent,
    coupons,
    events,
    flows,
    forms,
    inbox,
    inventory,
    lists,
    messages,
    orders,
    privacy,
    products,
    profiles,
    shops,
    subscriptions,
    templates,
)

INBOX_TABLES = {inbox.Delivery.__tablename__}

__all__ = [
    "INBOX_TABLES",
    "backfills",
    "checkouts",
    "collections",
    "consent",
    "coupons",
    "events",
    "flows",
    "forms",
    "inbox",
    "inventory",
    "lists",
    "messages",
    "orders",
    "privacy",
    "products",
    "profiles",
    "shops",
    "subscriptions",
    "templates",
]
