"""Decide which profile a form's submission belongs to, and whether its sender is shown to own it.

Any visitor can type any address. A sender who types the address of a known shopper is believed if
they use a browser or a cart of that shopper, or are logged in as them at the storefront. Otherwise
their browser, cart and number stay apart; their answers only fill empty fields
(`DataSource.UNPROVEN`); and a yes does not lift a no. The first sender of an address creates its
profile, and is believed unless a no or a suppression for it already existed; what their browser
tells is hearsay until the address has answered (`plugin.messages.hearsay`).
"""

from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from plugin import facts
from plugin.facts import IdentityKey, ProfileFact, ProfileRef
from plugin.forms.submission import Submission
from plugin.profiles.identity import resolve_profiles
from storage import consent, identity_claims, profiles, suppressions
from storage.channels import Channel
from storage.consent_ledger import ConsentState
from storage.profiles import STRONG, DataSource, IdentityKind


class Claim(NamedTuple):
    """The profile that owns an address, and whether the sender is believed to be that shopper."""

    ref: ProfileRef
    is_proven: bool


def resolve_profile(
    session: Session, shop_id: int, submission: Submission, customer_id: str, *, now: datetime
) -> Claim:
    """Return the profile behind a submission's address, after recording the answers on it.

    Args:
        customer_id: the logged-in customer, as signed by the storefront; "" without a login.
    """
    weak = facts.identity_keys(
        (IdentityKind.BROWSER, submission.browser_id), (IdentityKind.CART, submission.cart_token)
    )
    signed = facts.identity_keys((IdentityKind.CUSTOMER, customer_id))
    known = profiles.find_identities(
        session, shop_id, [(IdentityKind.EMAIL, submission.email), *weak, *signed]
    )
    owner = known.get((IdentityKind.EMAIL, submission.email))
    if owner is None:
        proven = not _is_shut(session, shop_id, Channel.EMAIL, submission.email)
    else:
        proven = any(known.get(key) == owner for key in (*weak, *signed))
    person = ProfileFact(
        (IdentityKey(IdentityKind.EMAIL, submission.email),),
        now,
        properties=dict(submission.answers),
    )
    if proven:
        free = [key for key in weak if _is_free(session, shop_id, known.get(key), owner)]
        person.identities += tuple(free)
    if owner is None:
        person.fields = {"email": submission.email}
        if submission.locale:
            person.fields["locale"] = submission.locale
        if submission.phone and _holder(session, shop_id, submission.phone) is None:
            person.fields["phone"] = submission.phone
    person.source = DataSource.FORM if proven else DataSource.UNPROVEN
    (ref,) = resolve_profiles(session, shop_id, [person], now)
    assert ref is not None  # the address is an identity
    is_signed = owner is not None and any(known.get(key) == owner for key in signed)
    for key in person.identities[1:]:
        is_new = owner is None or known.get(key) != owner
        if key.kind == IdentityKind.BROWSER and is_new and not is_signed:
            identity_claims.set_typed(session, shop_id, key.value, is_typed=True)
    return Claim(ref, proven)


def may_set_consent(
    session: Session, shop_id: int, submission: Submission, claim: Claim
) -> dict[Channel, str]:
    """Return the consents that a submission may set, as {channel: address}.

    Only the proven owner of an address overrides their no, and no form lifts a suppression: the
    link in a mail to the address lifts both, see `plugin.forms.double_opt_in`.
    """
    asked = {Channel.EMAIL: submission.email}
    owned = {Channel.EMAIL} if claim.is_proven else set()
    if submission.sms and submission.phone:
        holder = _holder(session, shop_id, submission.phone)
        if holder in (None, claim.ref.profile_id):
            asked[Channel.SMS] = submission.phone
        if claim.is_proven and holder is not None:
            owned.add(Channel.SMS)
    return {
        channel: address
        for channel, address in asked.items()
        if not _is_shut(session, shop_id, channel, address, is_owner=channel in owned)
    }


def _is_shut(
    session: Session, shop_id: int, channel: Channel, address: str, *, is_owner: bool = False
) -> bool:
    """Return whether a form may not set consent at an address."""
    if suppressions.suppressed_addresses(session, shop_id, [(channel, address)]):
        return True
    return (
        not is_owner
        and consent.consent_state(session, shop_id, channel, address) == ConsentState.UNSUBSCRIBED
    )


def _is_free(session: Session, shop_id: int, holder: int | None, owner: int | None) -> bool:
    """Return whether a browser or a cart belongs to no shopper yet, or already to this one."""
    if holder is None or holder == owner:
        return True
    return not any(i.kind in STRONG for i in profiles.identities_of(session, shop_id, [holder]))


def _holder(session: Session, shop_id: int, phone: str) -> int | None:
    return profiles.find_identities(session, shop_id, [(IdentityKind.PHONE, phone)]).get(
        (IdentityKind.PHONE, phone)
    )
