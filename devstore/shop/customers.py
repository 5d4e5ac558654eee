"""Customers of the shop. Their consent is reported by webhooks of its own."""

import secrets
from collections.abc import Callable
from datetime import datetime

from devstore.shop import payloads
from devstore.shop.carts import Carts
from devstore.shop.database import Database, Document, dumps
from devstore.shop.products import ShopError

STATES = ("not_subscribed", "pending", "subscribed", "unsubscribed", "redacted")
# Each channel with the topic that reports it; the second one is about texts, despite its name.
CHANNELS: dict[str, tuple[str, Callable[[Database, Document], Document]]] = {
    "email": ("customers_email_marketing_consent/update", payloads.email_consent),
    "sms": ("customers_marketing_consent/update", payloads.sms_consent),
    "whatsapp": ("customers_whats_app_marketing_consent/update", payloads.whatsapp_consent),
}


class Customers(Carts):
    """Who buys, or might."""

    def customer(self, email_or_id: str | int | None) -> Document | None:
        """A customer by email (in any case) or id."""
        column = "id" if isinstance(email_or_id, int) else "email"
        return self.document(f"select body from customer where {column} = ?", email_or_id)

    def customer_with(self, phone: str) -> Document | None:
        """A customer by phone."""
        return self.document("select body from customer where phone = ?", phone)

    def customers(self) -> list[Document]:
        """Everybody, newest first."""
        return self.documents("select body from customer order by id desc")

    def register_customer(
        self,
        email: str,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        phone: str | None = None,
        address: Document | None = None,
        account: bool = False,
    ) -> Document:
        """Return the customer with this email, created or updated; report only what changed."""
        email = email.strip()
        if "@" not in email:
            raise ShopError("Enter a valid email.")
        named = {"first_name": first_name, "last_name": last_name, "phone": phone}
        said = {key: value for key, value in (*named.items(), ("address", address)) if value}
        with self.transaction():
            kept = self.customer(email)
            if kept is None:
                return self._keep_customer(self._new_customer(email, account) | said, "create")
            wanted = {**kept, **said, "account": account or kept["account"]}
            return kept if wanted == kept else self._keep_customer(wanted, "update")

    def subscribe_newsletter(self, email: str) -> Document:
        """The footer's form: a customer who agreed to emails."""
        self.register_customer(email)
        return self.set_consent(email, email_state="subscribed")

    def set_consent(
        self,
        email: str,
        *,
        email_state: str | None = None,
        sms_state: str | None = None,
        whatsapp_state: str | None = None,
        opt_in_level: str = "single_opt_in",
        collected_from: str = "shopify",
    ) -> Document:
        """Change what a customer agreed to. The states are Shopify's, in lower case."""
        with self.transaction():
            kept = self.customer(email)
            if kept is None:
                raise ShopError("This customer does not exist.", 404)
            for channel, state in (
                ("email", email_state), ("sms", sms_state), ("whatsapp", whatsapp_state)
            ):  # fmt: skip
                if state is not None:
                    kept = self.keep_consent(
                        kept, channel, state, level=opt_in_level, collected_from=collected_from
                    )
            return kept

    def keep_consent(
        self,
        kept: Document,
        channel: str,
        state: str,
        *,
        level: str | None = None,
        collected_from: str = "other",
        said_at: datetime | None = None,
    ) -> Document:
        """Return a customer with this consent for one channel; a consent older than the kept one is
        ignored.

        "The customer's consent state reflects the consent record with the most recent date":
        shopify.dev, CustomerEmailMarketingConsentState.
        """
        if state not in (*STATES, "invalid") or (state == "invalid" and channel != "email"):
            raise ShopError(f"{state} is not a state of consent.")
        held, at = consent_of(kept, channel), (said_at or self.now()).replace(microsecond=0)
        if held["state"] == "redacted":
            raise ShopError("This customer's data is erased.", 422)
        if held["state"] == state:
            return kept
        if held["updated_at"] and at < datetime.fromisoformat(held["updated_at"]):
            return kept
        with self.transaction():
            kept[f"{channel}_consent"] = {
                "state": state,
                "opt_in_level": level,
                "updated_at": at.isoformat(),
                "collected_from": collected_from,
            }
            kept = self._keep_customer(kept, "update")
            topic, told = CHANNELS[channel]
            self.emit(topic, told(self, kept))
        return kept

    def redact_consent(self, email: str) -> None:
        """Redact the customer's consents, as Shopify shows them once personal data is erased."""
        kept = self.customer(email)
        if kept is None:
            raise ShopError("This customer does not exist.", 404)
        erased = {"state": "redacted", "opt_in_level": None, "updated_at": None}
        kept |= {f"{channel}_consent": {**erased, "collected_from": None} for channel in CHANNELS}
        with self.transaction() as db:
            db.execute("update customer set body = ? where id = ?", (dumps(kept), kept["id"]))

    def tag_customer(self, kept: Document, tags: list[str], *, on: bool) -> Document:
        """Add tags to a customer or remove them; webhooks of their own report it."""
        held = list(kept.get("tags", []))
        changed = [tag for tag in dict.fromkeys(tags) if (tag in held) != on]
        if not changed:
            return kept
        wanted = held + changed if on else [tag for tag in held if tag not in changed]
        with self.transaction():
            kept = self._keep_customer({**kept, "tags": sorted(wanted)}, "update")
            self.emit(
                f"customer.tags_{'added' if on else 'removed'}", payloads.tags(self, kept, changed)
            )
        return kept

    def log_in(self, email: str) -> str:
        """Return a session for the customer with this email: the dev store needs no password."""
        kept = self.register_customer(email, account=True)
        session = secrets.token_urlsafe(24)
        with self.transaction() as db:
            db.execute("insert into visitor values (?, ?)", (session, kept["id"]))
        return session

    def visitor(self, session: str | None) -> Document | None:
        """Who a session belongs to."""
        if not session:
            return None
        found = self.row("select customer_id from visitor where session = ?", session)
        return self.customer(int(found["customer_id"])) if found else None

    def log_out(self, session: str) -> None:
        """End a session."""
        with self.transaction() as db:
            db.execute("delete from visitor where session = ?", (session,))

    def _new_customer(self, email: str, account: bool) -> Document:
        nothing = {"state": "not_subscribed", "opt_in_level": None, "updated_at": None}
        return {
            "id": self.next_id("customer"),
            "email": email,
            "phone": None,
            "first_name": None,
            "last_name": None,
            "address": None,
            "account": account,
            "created_at": self.now().isoformat(),
            "updated_at": None,
            "email_consent": dict(nothing),
            "sms_consent": {**nothing, "collected_from": "other"},
            "tags": [],
        }

    def _keep_customer(self, customer: Document, happened: str) -> Document:
        customer["updated_at"] = self.now().isoformat()
        with self.transaction() as db:
            db.execute(
                "insert into customer values (?, ?, ?, ?) on conflict (id) do update set"
                " email = excluded.email, phone = excluded.phone, body = excluded.body",
                (customer["id"], customer["email"], customer["phone"], dumps(customer)),
            )
            self.emit(f"customers/{happened}", payloads.customer(self, customer))
        return customer


def consent_of(kept: Document, channel: str) -> Document:
    """What a customer agreed to on a channel; who was made before it was there, to nothing."""
    nothing = {"state": "not_subscribed", "opt_in_level": None, "updated_at": None}
    held: Document = kept.get(f"{channel}_consent", nothing)
    return held
