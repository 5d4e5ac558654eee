"""Every table, imported in one place for those who need all of them: migrations and erasure."""

from storage import (
    access_log,
    activity,
    backfills,
    checkouts,
    collections,
    consent,
    coupons,
    events,
    flows,
    forms,
    imports,
    inbox,
    inventory,
    lists,
    merges,
    messages,
    metrics,
    orders,
    preferences,
    products,
    profiles,
    properties,
    reconciliations,
    shops,
    templates,
    write_backs,
)
from storage import app_plans as plans
from storage import confirmations as asks
from storage import consent_ledger as ledger
from storage import counts as tallies
from storage import duplicates as likeness
from storage import privacy_requests as privacy
from storage import profile_names as names
from storage import subscription_contracts as subscriptions
from storage import visits as sessions
from storage.engine import append_only

INBOX_TABLES = {inbox.Delivery.__tablename__}

__all__ = [
    "INBOX_TABLES",
    "access_log",
    "activity",
    "append_only",
    "asks",
    "backfills",
    "checkouts",
    "collections",
    "consent",
    "coupons",
    "events",
    "flows",
    "forms",
    "imports",
    "inbox",
    "inventory",
    "ledger",
    "likeness",
    "lists",
    "merges",
    "messages",
    "metrics",
    "names",
    "orders",
    "plans",
    "preferences",
    "privacy",
    "products",
    "profiles",
    "properties",
    "reconciliations",
    "sessions",
    "shops",
    "subscriptions",
    "tallies",
    "templates",
    "write_backs",
]
