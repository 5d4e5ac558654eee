"""Read a mail relay's refusal: what it speaks of, and whether another try can help.

Only the answer to RCPT, or to the end of the mail, may speak of the recipient (RFC 5321, 4.2.4 and
4.3.2), and then by its enhanced code (RFC 3463). Words count where there is no such code. What
refuses our sender, or is a policy, a quota or a full mailbox, may be otherwise tomorrow.
"""

import re
from enum import StrEnum

from plugin.channels.base import SendError

# Of the recipient's mailbox: it is not there, moved without a word, or takes no mail.
GONE = frozenset(("5.1.1", "5.1.3", "5.1.4", "5.1.6", "5.1.10"))
# Of the recipient's mailbox too, and yet often over the next day: a name server that was away, a
# mailbox that is full, closed for a while or written to too often (Gmail's 5.2.1).
DOUBTFUL = frozenset(("5.1.2", "5.2.0", "5.2.1", "5.2.2", "5.4.4"))
LOGINS = (530, 534, 535, 538)  # it wants a password, or another one (RFC 4954, 6)
SENDERS = frozenset(("5.1.7", "5.1.8"))
TOO_LARGE = "5.3.4"
POLICIES = ("5.3.", "5.4.", "5.5.", "5.7.")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_SENDER = re.compile(r"\b(sender|mail from|return.path|from address)\b", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"\b(no such (user|mailbox|recipient|address|person|account)"
    r"|(user|recipient|mailbox|account|address|addressee)\b.{0,40}?\b"
    r"(unknown|not found|not known|doesn'?t exist|does not exist|not exist)"
    r"|unknown (user|recipient|mailbox|account|address|local.part)"
    r"|invalid (recipient|mailbox)|no mailbox (here|by that name))",
    re.IGNORECASE | re.DOTALL,
)


class Stage(StrEnum):
    """What a relay answers to."""

    SENDER = "MAIL FROM"
    RECIPIENT = "RCPT TO"
    BEFORE_MAIL = "DATA"
    MAIL = "the mail"


def read_refusal(stage: Stage, code: int, text: str) -> SendError:
    """The error that a refusal comes to. `text` is without its numbers, line by line."""
    found = _ENHANCED.match(text)
    enhanced = found[0] if found else ""
    said = f"The mail relay answered {code} {enhanced}".strip() + f" to {stage}."
    if stage is Stage.SENDER and (code < 500 or code in LOGINS):
        return SendError(said, away=True)
    if code < 500:
        return SendError(said)
    if stage is Stage.SENDER or enhanced in SENDERS or _SENDER.search(text):
        return SendError(said, sender_refused=True)
    if stage is Stage.BEFORE_MAIL:
        return SendError(said)
    if enhanced in GONE:
        return SendError(said, permanent=True, address_gone=True)
    if enhanced in DOUBTFUL:
        return SendError(said, address_doubtful=True)
    if stage is Stage.RECIPIENT:
        gone = not enhanced and _UNKNOWN.search(text) is not None
        return SendError(said, permanent=gone, address_gone=gone)
    is_policy = enhanced.startswith(POLICIES) and enhanced != TOO_LARGE
    return SendError(said, permanent=not is_policy)
