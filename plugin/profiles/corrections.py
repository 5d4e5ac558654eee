"""Correct a profile's fields by the merchant's hand."""

from typing import Any

from plugin import clock
from plugin.errors import RegularsError
from plugin.facts import IdentityKey, ProfileFact
from plugin.profiles import properties
from plugin.profiles.identity import resolve_profiles
from storage import profiles
from storage.engine import db
from storage.profiles import DataSource
from storage.properties import definitions_of


def correct_field(shop_id: int, profile_id: int, name: str, value: Any) -> bool:
    """Set a shopper's property as the merchant says; False if the value does not fit its type.

    "" and None clear it: neither an earlier fact nor an unproven form answer fills it again.

    Raises:
        RegularsError: 404 for no such profile or property.
    """
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        profile = profiles.get_profile(session, shop_id, profile_id)
        known = profiles.identities_of(session, shop_id, [profile.id]) if profile else ()
        definition = definitions_of(session, shop_id).get(name)
        if profile is None or not known:
            raise RegularsError("Profile not found.", 404)
        if definition is None and name not in profile.properties:
            raise RegularsError("Property not found.", 404)
        if definition is not None and not properties.is_valid(definition, value):
            return False
        fact = ProfileFact((IdentityKey(known[0].kind, known[0].value),), now)
        fact.properties, fact.source = {name: None if value == "" else value}, DataSource.MERCHANT
        resolve_profiles(session, shop_id, [fact], now)
    return True
