"""Words: the codes and names that the product keeps come in, sentences for a merchant go out."""

from admin_ui.kit.words.consent import CONSENT, GETS, SOURCES
from admin_ui.kit.words.events import (
    BROWSING,
    METRICS,
    ORDERS,
    REFUSALS,
    SERVICES,
    TOLD_BY_MESSAGES,
    VISITED,
    amount,
    details,
    happening,
)
from admin_ui.kit.words.labels import said
from admin_ui.kit.words.messages import CHANNELS, ENROLMENTS, REASONS, STATES, TONES, left, reason
from admin_ui.kit.words.profiles import ALIKE, DEVICES, IDENTITIES, PLACES, TYPES, person

__all__ = [
    "ALIKE",
    "BROWSING",
    "CHANNELS",
    "CONSENT",
    "DEVICES",
    "ENROLMENTS",
    "GETS",
    "IDENTITIES",
    "METRICS",
    "ORDERS",
    "PLACES",
    "REASONS",
    "REFUSALS",
    "SERVICES",
    "SOURCES",
    "STATES",
    "TOLD_BY_MESSAGES",
    "TONES",
    "TYPES",
    "VISITED",
    "amount",
    "details",
    "happening",
    "left",
    "person",
    "reason",
    "said",
]
