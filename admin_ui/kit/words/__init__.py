"""Turn the product's codes and names into sentences for a merchant."""

from admin_ui.kit.words.consent import CONSENT, SOURCES, consent_entry, consent_sentence
from admin_ui.kit.words.events import (
    BROWSING,
    METRICS,
    ORDERS,
    REJECT_REASONS,
    SERVICES,
    VISITED,
    amount,
    details,
    event_sentence,
)
from admin_ui.kit.words.labels import label
from admin_ui.kit.words.messages import (
    CHANNELS,
    ENROLMENTS,
    REASONS,
    STATES,
    TONES,
    exit_reason,
    message_state,
    reason,
)
from admin_ui.kit.words.profiles import (
    DEVICES,
    DUPLICATE_REASONS,
    IDENTITIES,
    PLACES,
    TYPES,
    person,
)

__all__ = [
    "BROWSING",
    "CHANNELS",
    "CONSENT",
    "DEVICES",
    "DUPLICATE_REASONS",
    "ENROLMENTS",
    "IDENTITIES",
    "METRICS",
    "ORDERS",
    "PLACES",
    "REASONS",
    "REJECT_REASONS",
    "SERVICES",
    "SOURCES",
    "STATES",
    "TONES",
    "TYPES",
    "VISITED",
    "amount",
    "consent_entry",
    "consent_sentence",
    "details",
    "event_sentence",
    "exit_reason",
    "label",
    "message_state",
    "person",
    "reason",
]
