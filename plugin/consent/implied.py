"""Imply consent from purchases for two years, in countries where the merchant says the law does.

Canada's law is the model: CASL, section 10(10)(a), two years from the purchase. Nothing is implied
until the merchant names countries in the settings, nor by an order that was placed in another
system and brought here later, nor for the address under which a marketplace forwards order mail.
"""

from collections.abc import Iterable
from datetime import timedelta

from plugin.channels.marketplaces import is_relayed
from plugin.facts import ConsentFact, Facts
from storage.channels import Channel
from storage.consent_ledger import ConsentSource, ConsentState
from storage.profiles import IdentityKind
from storage.shops import Shop

IMPLIED_CONSENT_DURATION = timedelta(days=730)


def imply_by_purchase(shop: Shop, facts: Facts) -> Iterable[ConsentFact]:
    """Yield a consent for each order of a shopper from a country where purchase implies consent."""
    countries = shop.implied_countries.split()
    if not countries:
        return
    for person, order, _ in facts.orders:
        if person.fields.get("country") not in countries or order["id"] in facts.placed_elsewhere:
            continue
        for key in person.identities:
            if key.kind == IdentityKind.EMAIL and not is_relayed(key.value):
                yield ConsentFact(
                    profile=person,
                    channel=Channel.EMAIL,
                    address=key.value,
                    state=ConsentState.IMPLIED,
                    occurred_at=order["placed_at"],
                    dedupe_key=f"order:{order['id']}:implied:{key.value}",
                    source=ConsentSource.ORDER,
                    method="purchase",
                    legal_basis="implied",
                    expires_at=order["placed_at"] + IMPLIED_CONSENT_DURATION,
                )
