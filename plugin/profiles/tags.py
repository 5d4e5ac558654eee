"""Set a merchant's tags on a profile, and on its customer at Shopify."""

from collections.abc import Mapping

from plugin import clock, jobs
from plugin.errors import RegularsError
from plugin.facts import TAG_PREFIX, IdentityKey, ProfileFact
from plugin.profiles.identity import resolve_profiles
from storage import profiles, write_backs
from storage.engine import db
from storage.profiles import DataSource
from storage.write_backs import OFF, ON, RequestedWriteBack, WriteBackKind

MAX_TAG_CHARS = 255  # characters: shopify.dev, tagsAdd


def tags_of(properties: Mapping[str, object]) -> list[str]:
    """The tags that a profile has."""
    held = (name for name, on in properties.items() if name.startswith(TAG_PREFIX) and on)
    return sorted(name.removeprefix(TAG_PREFIX) for name in held)


def set_tag(shop_id: int, profile_id: int, text: str, *, on: bool) -> str:
    """Put a tag on a profile or take it off, here and at the storefront; the tag as it is kept.

    Raises:
        RegularsError: 404 for no such profile, 422 for what is no tag.
    """
    tag = " ".join(text.split())
    if not tag or len(tag) > MAX_TAG_CHARS or "," in tag or not tag.isprintable():
        raise RegularsError("Use up to 255 characters and no commas.", 422)
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        profile = profiles.get_profile(session, shop_id, profile_id)
        known = profiles.identities_of(session, shop_id, [profile.id]) if profile else ()
        if profile is None or not known:
            raise RegularsError("Profile not found.", 404)
        person = ProfileFact((IdentityKey(known[0].kind, known[0].value),), now)
        person.properties, person.source = {TAG_PREFIX + tag: on}, DataSource.MERCHANT
        (ref,) = resolve_profiles(session, shop_id, [person], now)
        assert ref is not None  # the profile has an identity
        row: RequestedWriteBack = {
            "kind": WriteBackKind.TAG, "name": tag, "value": ON if on else OFF,
            **ref.columns, "requested_at": now,
        }  # fmt: skip
        write_backs.save_write_backs(session, shop_id, [row], now)
    jobs.enqueue("write_back", shop_id)
    return tag
