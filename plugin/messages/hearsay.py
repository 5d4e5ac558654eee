"""What a browser tells of a shopper, if a form alone ties it to them: anybody can type an address.

It is hearsay until the address itself has answered, by a click in a mail to it or a confirmation,
or Shopify has named the shopper of that browser (docs/decisions/0010).
"""

from collections.abc import Mapping

from sqlmodel import Session

from plugin.templates.product_details import BROWSER
from storage import consent, identity_claims
from storage.channels import Channel
from storage.messages import has_clicked
from storage.profiles import Profile, get_profile
from storage.suppressions import OWNER_SOURCES


def is_hearsay(
    session: Session, shop_id: int, profile_id: int, properties: Mapping[str, object]
) -> bool:
    """Whether an event of a shopper's is nothing but an unknown browser's word."""
    browser = properties.get(BROWSER)
    if not isinstance(browser, str):
        return False
    if not identity_claims.is_typed_browser(session, shop_id, browser):
        return False
    profile = get_profile(session, shop_id, profile_id)
    return profile is not None and not _has_answered(session, profile)


def _has_answered(session: Session, profile: Profile) -> bool:
    """Whether the reader of a shopper's mailbox has done something there."""
    if profile.email is None:
        return False
    told = consent.ledger_of(session, profile.shop_id, [(Channel.EMAIL, profile.email)])
    return any(entry.source in OWNER_SOURCES for entry in told) or has_clicked(
        session, profile.shop_id, profile.id, profile.email
    )
