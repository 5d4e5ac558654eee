"""Customers: people the shop knows. What they agreed to is told by webhooks of its own."""

import secrets

from devstore import payloads
from devstore.carts import Carts
from devstore.database import Document, dumps
from devstore.products import ShopError

EMAIL_STATES = ("not_subscribed", "pending", "subscribed", "unsubscribed", "invalid", "redacted")
SMS_STATES = ("not_subscribed", "pending", "subscribed", "unsubscribed", "redacted")


class Customers(Carts):
    """Who buys, or might."""

    def customer(self, email_or_id: str | int | None) -> Document | None:
        """A customer by email (in any case) or id."""
        column = "id" if isinstance(email_or_id, int) else "email"
        return self.document(f"select body from customer where {column} = ?", email_or_id)

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
        """The customer with this email, made or brought up to date; tells only what changed."""
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
        opt_in_level: str = "single_opt_in",
        collected_from: str = "shopify",
    ) -> Document:
        """Change what a customer agreed to. The states are Shopify's, in lower case."""
        with self.transaction():
            kept = self.customer(email)
            if kept is None:
                raise ShopError("This customer does not exist.", 404)
            for key, state, states in (
                ("email_consent", email_state, EMAIL_STATES),
                ("sms_consent", sms_state, SMS_STATES),
            ):
                if state is None or kept[key]["state"] == state:
                    continue
                if state not in states:
                    raise ShopError(f"{state} is not a state of consent.")
                kept[key] = {
                    "state": state,
                    "opt_in_level": opt_in_level,
                    "updated_at": self.now().isoformat(),
                    "collected_from": collected_from,
                }
                kept = self._keep_customer(kept, "update")
                if key == "email_consent":
                    told = payloads.email_consent(self, kept)
                    self.emit("customers_email_marketing_consent/update", told)
                else:
                    told = payloads.sms_consent(self, kept)
                    self.emit("customers_marketing_consent/update", told)
            return kept

    def log_in(self, email: str) -> str:
        """A session for the customer with this email: the dev store asks for no proof."""
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
