"""Subscription contracts, as the app itself would make them: started, paused, ended, billed."""

from devstore.sales import payloads
from devstore.sales.returns import Returns
from devstore.shop.database import Document, dumps
from devstore.shop.products import ShopError

# The state of a contract after each topic: shopify.dev, SubscriptionContractSubscriptionStatus.
STATES = {
    "subscription_contracts/activate": "active",
    "subscription_contracts/pause": "paused",
    "subscription_contracts/cancel": "cancelled",
    "subscription_contracts/expire": "expired",
    "subscription_contracts/fail": "failed",
}


class Subscriptions(Returns):
    """Who has agreed to be sent something again and again."""

    def contract(self, contract_id: int) -> Document | None:
        """A contract by its id."""
        return self.document("select body from contract where id = ?", contract_id)

    def start_subscription(
        self, email: str, *, interval: str = "month", every: int = 1
    ) -> Document:
        """A customer subscribes."""
        with self.transaction():
            buyer = self.register_customer(email)
            now = self.now().isoformat()
            row: Document = {
                "id": self.next_id("contract"),
                "customer_id": buyer["id"],
                "status": "active",
                "interval": interval,
                "every": every,
                "created_at": now,
                "attempts": [],
            }
            return self._keep_contract(row, "subscription_contracts/create")

    def change_subscription(self, contract_id: int, *, every: int) -> Document:
        """Send it more seldom, or more often."""
        with self.transaction():
            row = self._known_contract(contract_id) | {"every": every}
            return self._keep_contract(row, "subscription_contracts/update")

    def move_subscription(self, contract_id: int, topic: str) -> Document:
        """Pause, activate, cancel, expire or fail a contract, as a topic of `STATES` says."""
        with self.transaction():
            row = self._known_contract(contract_id) | {"status": STATES[topic]}
            return self._keep_contract(row, topic)

    def bill_subscription(self, contract_id: int, outcome: str, error: str | None = None) -> int:
        """Try to be paid: `success`, `failure` or `challenged`; the attempt's id."""
        with self.transaction():
            row = self._known_contract(contract_id)
            attempt: Document = {
                "id": self.next_id("billing attempt"),
                "outcome": outcome,
                "error": error,
                "created_at": self.now().isoformat(),
            }
            row["attempts"].append(attempt)
            self._keep_contract(row, "")
            told = payloads.billing_attempt(row, attempt)
            self.emit(f"subscription_billing_attempts/{outcome}", told)
            return int(attempt["id"])

    def _known_contract(self, contract_id: int) -> Document:
        row = self.contract(contract_id)
        if row is None:
            raise ShopError("This contract does not exist.", 404)
        return row

    def _keep_contract(self, row: Document, topic: str) -> Document:
        row |= {"updated_at": self.now().isoformat(), "revision": self.next_id("revision")}
        with self.transaction() as db:
            db.execute("insert or replace into contract values (?, ?)", (row["id"], dumps(row)))
            if topic:
                self.emit(topic, payloads.contract(self, row))
        return row
