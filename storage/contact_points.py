"""Contact points: the addresses of a shopper, each on a channel."""

from sqlmodel import Session, col, select

from storage.channels import IDENTITY_KIND, channels_reached_by
from storage.consent_ledger import ConsentEvent, LedgerKey
from storage.merges import load_sources
from storage.profiles import find_identities, identities_of


def linked_places(session: Session, shop_id: int, profile_id: int) -> list[LedgerKey]:
    """The addresses that are known to be a shopper's, on every channel that they are good for."""
    known = identities_of(session, shop_id, [profile_id])
    return [(channel, row.value) for row in known for channel in channels_reached_by(row.kind)]


def typed_places(session: Session, shop_id: int, profile_id: int) -> list[LedgerKey]:
    """Other addresses that a shopper agreed at, such as the number that they typed into a form.

    Anybody can type anybody's number, so that it is not linked to them. What they allowed there,
    they may take back; nothing else. One that is linked to another shopper is left out.
    """
    origins = [profile_id, *load_sources(session, shop_id, [profile_id])]
    said = session.exec(
        select(ConsentEvent.channel, ConsentEvent.address)
        .where(ConsentEvent.shop_id == shop_id, col(ConsentEvent.profile_id).in_(origins))
        .distinct()
    ).all()
    kinds = {(channel, address): IDENTITY_KIND.get(channel) for channel, address in said}
    linked = find_identities(
        session, shop_id, {(kind, address) for (_, address), kind in kinds.items() if kind}
    )
    return sorted(place for place, kind in kinds.items() if kind and (kind, place[1]) not in linked)
