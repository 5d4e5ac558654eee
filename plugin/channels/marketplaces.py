"""Marketplaces' relay addresses: each stands for one buyer's orders at one marketplace.

They forward what an order needs, and no marketing: such an address agrees to none, and no purchase
implies that it does.
"""

# As of 2026-11-28. Each is a domain, or all countries' domains of a marketplace.
#   Amazon: Communication Guidelines, sellercentral.amazon.com/help/hub/reference/G1701; one domain
#     for each store of sell.amazon.com/global-selling.
#   eBay: "@members.ebay.<SiteDomain>", Trading API user guide, Member communications,
#     developer.ebay.com/api-docs/user-guides/static/trading-user-guide/member-communications.html
#   TikTok Shop: help.retently.com/en/articles/12538313, "temporary marketplace email addresses".
#   Walmart: `customerEmailId` of the Marketplace API's orders, developer.walmart.com.
AMAZON = (
    "com", "ca", "com.mx", "com.br", "co.uk", "ie", "de", "fr", "it", "es", "nl", "se", "pl",
    "com.be", "com.tr", "ae", "sa", "eg", "co.za", "in", "co.jp", "com.au", "sg",
)  # fmt: skip
EBAY = (
    "com", "ca", "co.uk", "ie", "de", "at", "ch", "fr", "it", "es", "nl", "be", "pl", "com.au",
    "com.hk", "com.sg", "com.my", "ph", "in", "vn",
)  # fmt: skip
RELAY_DOMAINS = frozenset((
    *(f"marketplace.amazon.{country}" for country in AMAZON),
    *(f"members.ebay.{country}" for country in EBAY),
    "scs.tiktokw.us",
    "relay.walmart.com",
))  # fmt: skip


def is_relayed(address: str) -> bool:
    """Return whether a normal email address is a marketplace's, and not the buyer's own."""
    return address.rpartition("@")[2] in RELAY_DOMAINS
