"""Know a system's export by its columns, and what some of them mean in that system alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plugin.imports.columns import ColumnKind, plain_name

Meanings = Mapping[str, ColumnKind]


@dataclass(frozen=True)
class Exporter:
    """A system that exports files with these columns."""

    name: str
    marks: frozenset[str]  # names, without signs, that all stand in its header
    meanings: Meanings = field(default_factory=dict)


ORDERS = "Shopify (orders)"
EXPORTERS = (
    Exporter(
        "Regulars",
        frozenset(("emailmarketingconsent", "emailopentrackingconsent", "properties")),
        {"properties": ColumnKind.PROPERTIES},
    ),
    # Each order has a number for its name, and says what its buyer agreed to on that day: who left
    # since is still a yes in an old one, so that none of them is one.
    Exporter(
        ORDERS,
        frozenset(("financialstatus", "lineitemname")),
        {
            "name": ColumnKind.NOTHING, "acceptsmarketing": ColumnKind.NOTHING,
            "billingname": ColumnKind.NAME,
        },
    ),
    # Elsewhere a customer's id is another system's.
    Exporter(
        "Shopify",
        frozenset(("totalspent", "totalorders")),
        {"customerid": ColumnKind.CUSTOMER},
    ),
    Exporter("Klaviyo", frozenset(("klaviyoid",))),
    Exporter("Mailchimp", frozenset(("leid", "euid"))),
    # An attribute for each channel holds its number (developers.brevo.com, contacts/export).
    Exporter("Brevo", frozenset(("addedtime", "modifiedtime")), {"sms": ColumnKind.PHONE}),
    Exporter("Brevo", frozenset(("firstname", "lastname", "sms")), {"sms": ColumnKind.PHONE}),
    Exporter("HubSpot", frozenset(("recordid", "leadstatus"))),
    Exporter("HubSpot", frozenset(("recordid", "marketingcontactstatus"))),
    # When someone subscribed, and what they clicked.
    Exporter(
        "MailerLite",
        frozenset(("subscriber", "subscribed", "opens")),
        {"subscribed": ColumnKind.EMAIL_CONSENT_AT},
    ),
    # The grid of newsletter subscribers.
    Exporter(
        "Magento",
        frozenset(("customerfirstname", "customerlastname", "storeview", "status")),
        {"status": ColumnKind.EMAIL_CONSENT},
    ),
)  # fmt: skip


def detect_exporter(header: Sequence[str]) -> Exporter | None:
    """Return which system exported a file, if it is known."""
    names = {plain_name(title) for title in header}
    return next((each for each in EXPORTERS if each.marks <= names), None)
