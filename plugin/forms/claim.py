"""Claims: who fills in a form says whose the address is. In: that. Out: the profile, and whether
anything shows the sender to be her.

Anybody can type anybody's address. Who claims the address of a shopper that we know is believed
when she comes from a browser or with a cart of hers, or when the storefront has her logged in. Else
her browser, her cart and her number stay apart; her answers only fill what nobody else has told
(`fields.UNPROVEN`); and a yes does not lift a no. The first to bring an address founds its profile.
"""

from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from plugin import facts
from plugin.facts import Key, Person, Whose
from plugin.forms.submission import Submission
from plugin.people.fields import UNPROVEN
from plugin.people.identity import resolve
from storage import consent, profiles
from storage.consent import UNSUBSCRIBED
from storage.profiles import BROWSER, CART, CUSTOMER, EMAIL, PHONE, STRONG


class Claim(NamedTuple):
    """Whose an address is, and whether the sender is shown to be her."""

    whose: Whose
    proven: bool


def settle(
    session: Session, shop_id: int, said: Submission, customer_id: str, now: datetime
) -> Claim:
    """The profile behind a submission's address, with the answers told to it.

    Args:
        customer_id: who is logged in, by the storefront's own signed word; "" for nobody.
    """
    weak = facts.keys((BROWSER, said.browser_id), (CART, said.cart_token))
    signed = facts.keys((CUSTOMER, customer_id))
    known = profiles.find_identities(session, shop_id, [(EMAIL, said.email), *weak, *signed])
    owner = known.get((EMAIL, said.email))
    proven = owner is None or any(known.get(key) == owner for key in (*weak, *signed))
    person = Person((Key(EMAIL, said.email),), now, properties=dict(said.answers))
    if proven:
        free = [key for key in weak if _is_free(session, shop_id, known.get(key), owner)]
        person.keys += tuple(free)
    if owner is None:
        person.fields = {"email": said.email, "locale": said.locale}
        if said.phone and _holder(session, shop_id, said.phone) is None:
            person.fields["phone"] = said.phone
    person.source = "form" if proven else UNPROVEN
    (whose,) = resolve(session, shop_id, [person], now)
    assert whose is not None  # it has a key
    return Claim(whose, proven)


def allowed(session: Session, shop_id: int, said: Submission, claim: Claim) -> dict[str, str]:
    """What a submission allows, as {channel: address}, as far as the sender may."""
    asked = {"email": said.email}
    if said.sms and said.phone:
        holder = _holder(session, shop_id, said.phone)
        if holder in (None, claim.whose.profile_id):
            asked["sms"] = said.phone
    if claim.proven:
        return asked
    return {
        channel: address
        for channel, address in asked.items()
        if consent.consent_state(session, shop_id, channel, address) != UNSUBSCRIBED
    }


def _is_free(session: Session, shop_id: int, holder: int | None, owner: int | None) -> bool:
    """Whether a browser or a cart is nobody's yet, or already this shopper's."""
    if holder is None or holder == owner:
        return True
    return not any(i.kind in STRONG for i in profiles.identities_of(session, shop_id, [holder]))


def _holder(session: Session, shop_id: int, phone: str) -> int | None:
    return profiles.find_identities(session, shop_id, [(PHONE, phone)]).get((PHONE, phone))
