"""Double opt-in: decide whether an address must be confirmed first; at the click on the mail's
button, record the consent, join the list and start the flows of the sign-up.

Until then the consent is `pending`, no list is joined, and only that one mail is sent. A consent to
texts waits for a question by text: the click proves the mailbox alone.
"""

import tomllib
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlmodel import Session

from plugin import clock, jobs
from plugin.channels.registry import CHANNELS
from plugin.flows import enrol
from plugin.forms.definition import consented_channels
from plugin.messages import confirmations
from plugin.messages.engagement import RequestOrigin
from plugin.messages.links import Target
from plugin.profiles import list_membership
from plugin.settings import get_settings
from storage import consent, events, forms, lists
from storage.channels import Channel
from storage.confirmations import ConfirmationKind, ConfirmationRequest
from storage.consent_ledger import ConsentEntry, ConsentSource, ConsentState, LedgerKey
from storage.engine import db
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.events import EventRow
from storage.forms import Form, OptIn
from storage.profiles import Profile
from storage.shops import Shop, get_shop

RULES = Path(__file__).parent / "rules" / "double_opt_in.toml"
COUNTRY_OF_LANGUAGE = {"de": "DE"}  # where a language without a country is mostly read
CONFIRMED_BY_LINK = frozenset({Channel.EMAIL})  # where the question can be sent; else a yes waits


@lru_cache
def double_opt_in_countries() -> frozenset[str]:
    """Where an address is confirmed unless a form says otherwise; ISO 3166-1 alpha-2."""
    return frozenset(tomllib.loads(RULES.read_text(encoding="utf-8"))["countries"])


def requires_double_opt_in(
    session: Session,
    shop: Shop,
    form: Form,
    profile: Profile | None,
    *,
    place: LedgerKey,
    evidence: tuple[str, str],
) -> bool:
    """Return whether an address must be confirmed on its channel before it counts there.

    Args:
        place: the channel and the address.
        evidence: the browser's country and locale, which may be empty.
    """
    country, locale = evidence
    if form.opt_in == OptIn.SINGLE_OPT_IN:
        return False
    if consent.consent_state(session, shop.id, *place) == ConsentState.SUBSCRIBED:
        return False
    known = profile.country if profile else None
    return (
        form.opt_in == OptIn.DOUBLE_OPT_IN
        or _country(known, country, locale, shop) in double_opt_in_countries()
    )


def asks_strangers(shop: Shop, form: Form, evidence: tuple[str, str]) -> bool:
    """Whether an address of which nothing is known must be confirmed: what a browser may be told
    about any address.
    """
    if form.opt_in == OptIn.SINGLE_OPT_IN:
        return False
    in_countries = _country(None, *evidence, shop) in double_opt_in_countries()
    return form.opt_in == OptIn.DOUBLE_OPT_IN or in_countries


def leaves_unconfirmed(form: Form, definition: JsonObject) -> list[Channel]:
    """Return the channels where a form asks for consent that must be confirmed, and cannot be.

    A yes there stays `pending`: a click in a mail proves no number.
    """
    if form.opt_in == OptIn.SINGLE_OPT_IN:
        return []
    return [each for each in consented_channels(definition) if each not in CONFIRMED_BY_LINK]


def confirm_subscription(target: Target, visitor: RequestOrigin, words: str) -> bool:
    """Take a confirmed address in; False when the token is used, too old or for something else."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, target.shop_id)
        made = confirmations.get_open_request(session, target, now)
        if made is None or made.kind != ConfirmationKind.DOUBLE_OPT_IN:
            return False
        made.confirmed_at = now
        session.add(made)
        entered = _sign_up(session, made, visitor, words, now=now)
    jobs.enqueue_for_rows("advance", [(target.shop_id, enrolment_id) for enrolment_id in entered])
    return True


def _sign_up(
    session: Session,
    made: ConfirmationRequest,
    visitor: RequestOrigin,
    words: str,
    *,
    now: datetime,
) -> list[int]:
    shop, ref = get_shop(session, made.shop_id), confirmations.profile_of(session, made)
    assert shop is not None  # the request is one of its
    row: ConsentEntry = {
        "shop_id": made.shop_id,
        "id": new_id(),
        "dedupe_key": f"confirm:{made.id}",
        "channel": Channel.EMAIL,
        "address": made.address,
        "state": ConsentState.SUBSCRIBED,
        "occurred_at": now,
        "recorded_at": now,
        "source": ConsentSource.CONFIRMATION,
        "method": "double opt-in",
        "profile_id": made.profile_id,
        "disclosure": words,
        "form_id": made.form_id,
        "form_version": made.form_version,
        "page": f"{get_settings().url.rstrip('/')}/a",
        "ip": visitor.ip,
        "user_agent": visitor.user_agent[:500],
    }
    consent.record_consent(session, [row])
    event: EventRow = {
        "shop_id": made.shop_id,
        "id": new_id(),
        **ref.columns,
        "metric": CHANNELS[Channel.EMAIL].metrics.subscribed,
        "unique_id": f"confirm:{made.id}",
        "occurred_at": now,
        "value": None,
        "currency": None,
        "properties": {"form_id": str(made.form_id)},
    }
    events.add_events(session, [event])
    form = forms.get_form(session, made.shop_id, made.form_id or 0)
    if form is None or lists.get_list(session, made.shop_id, form.list_id) is None:
        return []  # switched off, and its list was deleted since the sign-up
    if not list_membership.add_to_list(
        session, made.shop_id, form.list_id, ref, at=now, source=f"form:{form.id}"
    ):
        return []
    return enrol.enrol_for_list(session, shop, form.list_id, ref, now=now)


def _country(known: str | None, country: str, locale: str, shop: Shop) -> str:
    """Return the shopper's country, by the best evidence there is."""
    language, _, region = locale.replace("_", "-").partition("-")
    region = region.rpartition("-")[2]
    land = region.upper() if len(region) == 2 else COUNTRY_OF_LANGUAGE.get(language.lower(), "")
    return known or country or land or shop.country
