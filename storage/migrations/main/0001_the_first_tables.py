"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

from storage.engine.types import Encrypted, Json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version."""
    op.create_table(
        "access_log",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("access_log", schema=None) as batch_op:
        batch_op.create_index("access_log_at", ["shop_id", "at"], unique=False)
        batch_op.create_index("access_log_over", ["at"], unique=False)
        batch_op.create_index("access_log_profile", ["shop_id", "profile_id"], unique=False)

    op.create_table(
        "activity",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "profile_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "app_plan",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("checked_at", UTCDateTime(), nullable=True),
        sa.Column("confirmation_url", sa.String(), nullable=False),
        sa.Column("offered_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id"),
    )
    op.create_table(
        "attribution",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("flow_id", sa.BigInteger(), nullable=True),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "order_id"),
    )
    with op.batch_alter_table("attribution", schema=None) as batch_op:
        batch_op.create_index("attribution_at", ["shop_id", "at"], unique=False)
        batch_op.create_index("attribution_message", ["shop_id", "message_id"], unique=False)

    op.create_table(
        "backfill",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("stage_order", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("operation_id", sa.String(), nullable=False),
        sa.Column("requested_at", UTCDateTime(), nullable=True),
        sa.Column("advanced_at", UTCDateTime(), nullable=True),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lines_available", sa.BigInteger(), nullable=False),
        sa.Column("lines_read", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "stage"),
    )
    with op.batch_alter_table("backfill", schema=None) as batch_op:
        batch_op.create_index(
            "backfill_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state NOT IN ('done', 'failed')"),
            sqlite_where=sa.text("state NOT IN ('done', 'failed')"),
        )

    op.create_table(
        "backfill_line",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "stage", "root", "line"),
    )
    op.create_table(
        "checkout",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("reported_at", UTCDateTime(), nullable=False),
        sa.Column("completed_at", UTCDateTime(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("lines", Json, nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "token"),
    )
    with op.batch_alter_table("checkout", schema=None) as batch_op:
        batch_op.create_index("checkout_profile", ["shop_id", "profile_id"], unique=False)

    op.create_table(
        "collection",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("reported_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    op.create_table(
        "confirmation_request",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("canonical", sa.String(), nullable=False),
        sa.Column("requested_at", UTCDateTime(), nullable=False),
        sa.Column("confirmed_at", UTCDateTime(), nullable=True),
        sa.Column("form_id", sa.BigInteger(), nullable=True),
        sa.Column("form_version", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("confirmation_request", schema=None) as batch_op:
        batch_op.create_index(
            "confirmation_request_canonical",
            ["shop_id", "kind", "canonical", "requested_at"],
            unique=False,
        )
        batch_op.create_index(
            "confirmation_request_profile", ["shop_id", "profile_id"], unique=False
        )
        batch_op.create_index(
            "confirmation_request_request", ["shop_id", "request_id"], unique=False
        )

    op.create_table(
        "consent",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.Column("from_import", sa.Boolean(), nullable=False),
        sa.Column("ledger_entry_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "channel", "address", "purpose"),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(
            "consent_state", ["shop_id", "state", "purpose", "changed_at"], unique=False
        )

    op.create_table(
        "consent_chain",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "channel", "address"),
    )
    op.create_table(
        "consent_event",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("occurred_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=True),
        sa.Column("disclosure", sa.String(), nullable=False),
        sa.Column("form_id", sa.BigInteger(), nullable=True),
        sa.Column("form_version", sa.Integer(), nullable=True),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("legal_basis", sa.String(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.Column("takes_effect", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("consent_event", schema=None) as batch_op:
        batch_op.create_index("consent_event_key", ["shop_id", "dedupe_key"], unique=True)
        batch_op.create_index(
            "consent_event_place", ["shop_id", "channel", "address", "position"], unique=True
        )
        batch_op.create_index("consent_event_profile", ["shop_id", "profile_id"], unique=False)

    op.create_table(
        "coupon",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("first_code", sa.String(), nullable=False),
        sa.Column("discount_id", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("retry_at", UTCDateTime(), nullable=True),
        sa.Column("deleted_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    op.create_table(
        "coupon_code",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("message_key", sa.String(), nullable=True),
        sa.Column("given_at", UTCDateTime(), nullable=True),
        sa.Column("redeemed_order_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "code"),
    )
    with op.batch_alter_table("coupon_code", schema=None) as batch_op:
        batch_op.create_index(
            "coupon_code_free",
            ["shop_id", "coupon_id"],
            unique=False,
            postgresql_where=sa.text("message_key IS NULL"),
            sqlite_where=sa.text("message_key IS NULL"),
        )
        batch_op.create_index("coupon_code_given", ["shop_id", "message_key"], unique=True)
        batch_op.create_index(
            "coupon_code_redeemed",
            ["shop_id", "redeemed_order_id"],
            unique=False,
            postgresql_where=sa.text("redeemed_order_id IS NOT NULL"),
            sqlite_where=sa.text("redeemed_order_id IS NOT NULL"),
        )

    op.create_table(
        "duplicate",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("other_profile_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("found_at", UTCDateTime(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "profile_id", "other_profile_id"),
    )
    with op.batch_alter_table("duplicate", schema=None) as batch_op:
        batch_op.create_index("duplicate_state", ["shop_id", "state", "found_at"], unique=False)

    op.create_table(
        "duplicate_check_due",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "profile_id"),
    )
    op.create_table(
        "duplicate_key",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "kind", "value", "profile_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("duplicate_key", schema=None) as batch_op:
        batch_op.create_index("duplicate_key_profile", ["shop_id", "profile_id"], unique=False)

    op.create_table(
        "enrolment",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("flow_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("trigger_key", sa.String(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("delay_started", sa.Boolean(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("claimed", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("entered_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("exit_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.create_index(
            "enrolment_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state = 'waiting'"),
            sqlite_where=sa.text("state = 'waiting'"),
        )
        batch_op.create_index("enrolment_key", ["shop_id", "flow_id", "trigger_key"], unique=True)
        batch_op.create_index("enrolment_profile", ["shop_id", "profile_id"], unique=False)
        batch_op.create_index("enrolment_state", ["shop_id", "flow_id", "state"], unique=False)

    op.create_table(
        "erasure_permit",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id"),
    )
    op.create_table(
        "event",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("unique_id", sa.String(), nullable=False),
        sa.Column("occurred_at", UTCDateTime(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("properties", Json, nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("event_latest", ["shop_id", "occurred_at"], unique=False)
        batch_op.create_index("event_metric", ["shop_id", "metric", "occurred_at"], unique=False)
        batch_op.create_index(
            "event_profile", ["shop_id", "profile_id", "occurred_at"], unique=False
        )
        batch_op.create_index("event_unique", ["shop_id", "metric", "unique_id"], unique=True)

    op.create_table(
        "flow",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("topic_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("flow", schema=None) as batch_op:
        batch_op.create_index("flow_trigger", ["shop_id", "trigger"], unique=False)

    op.create_table(
        "flow_version",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("flow_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "flow_id", "version"),
    )
    op.create_table(
        "form",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("opt_in", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    op.create_table(
        "form_stat",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("form_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "form_id", "version", "day", "kind"),
    )
    op.create_table(
        "form_version",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("form_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", Json, nullable=False),
        sa.Column("translations", Json, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "form_id", "version"),
    )
    op.create_table(
        "identity",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "value",
            sa.String().with_variant(sa.String(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("linked_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "kind", "value"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.create_index("identity_profile", ["shop_id", "profile_id"], unique=False)

    op.create_table(
        "import_problem",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("column", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "import_id", "line", "column"),
    )
    op.create_table(
        "inventory_level",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=True),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("reported_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "item_id", "location_id"),
    )
    op.create_table(
        "list",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("deleted_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("list", schema=None) as batch_op:
        batch_op.create_index(
            "list_deleted",
            ["deleted_at"],
            unique=False,
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
        )

    op.create_table(
        "membership",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("joined_at", UTCDateTime(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "list_id", "profile_id"),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index(
            "membership_joined", ["shop_id", "list_id", "joined_at", "profile_id"], unique=False
        )
        batch_op.create_index("membership_profile", ["shop_id", "profile_id"], unique=False)

    op.create_table(
        "merge",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=False),
        sa.Column("other_source_profile_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("merged_at", UTCDateTime(), nullable=False),
        sa.Column("merged_by", sa.String(), nullable=False),
        sa.Column("undone_at", UTCDateTime(), nullable=True),
        sa.Column("undone_by", sa.String(), nullable=False),
        sa.Column("blocks_remerge", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("merge", schema=None) as batch_op:
        batch_op.create_index("merge_one", ["shop_id", "source_profile_id"], unique=False)
        batch_op.create_index("merge_other", ["shop_id", "other_source_profile_id"], unique=False)

    op.create_table(
        "message",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("transactional", sa.Boolean(), nullable=False),
        sa.Column("flow_id", sa.BigInteger(), nullable=True),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=True),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("coupon_code", sa.String(), nullable=True),
        sa.Column("links", Json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("skip_reason", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("provider_message_id", sa.String(), nullable=False),
        sa.Column("send_attempts", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("claimed", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("sent_at", UTCDateTime(), nullable=True),
        sa.Column("opened_at", UTCDateTime(), nullable=True),
        sa.Column("clicked_at", UTCDateTime(), nullable=True),
        sa.Column("unsubscribed_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(
            "message_due",
            ["transactional", "due_at"],
            unique=False,
            postgresql_where=sa.text("state = 'due'"),
            sqlite_where=sa.text("state = 'due'"),
        )
        batch_op.create_index(
            "message_flow", ["shop_id", "flow_id", "action_id", "state"], unique=False
        )
        batch_op.create_index(
            "message_idempotency_key", ["shop_id", "idempotency_key"], unique=True
        )
        batch_op.create_index(
            "message_profile", ["shop_id", "profile_id", "created_at"], unique=False
        )
        batch_op.create_index(
            "message_sending",
            ["lease_until"],
            unique=False,
            postgresql_where=sa.text("state = 'sending'"),
            sqlite_where=sa.text("state = 'sending'"),
        )
        batch_op.create_index("message_sent", ["shop_id", "sent_at", "flow_id"], unique=False)

    op.create_table(
        "metric",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("first_seen_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("metric", schema=None) as batch_op:
        batch_op.create_index("metric_name", ["shop_id", "name"], unique=True)

    op.create_table(
        "order_line",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("variant_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "order_id", "line_id"),
    )
    op.create_table(
        "orders",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=True),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("placed_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("reported_at", UTCDateTime(), nullable=False),
        sa.Column("cancelled_at", UTCDateTime(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("checkout_token", sa.String(), nullable=True),
        sa.Column("cart_token", sa.String(), nullable=True),
        sa.Column("discount_codes", Json, nullable=False),
        sa.Column("status_url", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "orders_placed", ["shop_id", "placed_at", "cancelled_at", "total"], unique=False
        )
        batch_op.create_index(
            "orders_profile", ["shop_id", "profile_id", "placed_at"], unique=False
        )

    op.create_table(
        "preference",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("frequency", sa.String(), nullable=False),
        sa.Column("paused_until", UTCDateTime(), nullable=True),
        sa.Column("declined_topic_ids", Json, nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "channel", "address"),
    )
    op.create_table(
        "privacy_request",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("requested_at", UTCDateTime(), nullable=False),
        sa.Column("done_at", UTCDateTime(), nullable=True),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("subject", Encrypted(), nullable=True),
        sa.Column("keyed_hashes", Json, nullable=False),
        sa.Column("export", Encrypted(), nullable=True),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("privacy_request", schema=None) as batch_op:
        batch_op.create_index(
            "privacy_request_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state = 'new'"),
            sqlite_where=sa.text("state = 'new'"),
        )
        batch_op.create_index("privacy_request_key", ["shop_id", "dedupe_key"], unique=True)

    op.create_table(
        "product",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("image", sa.String(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("reported_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.create_index("product_handle", ["shop_id", "handle"], unique=False)

    op.create_table(
        "profile",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("first_name", sa.String(), nullable=True),
        sa.Column("last_name", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=True),
        sa.Column("country", sa.String(), nullable=True),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("properties", Json, nullable=False),
        sa.Column("field_times", Json, nullable=False),
        sa.Column("field_sources", Json, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("last_active_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("profile", schema=None) as batch_op:
        batch_op.create_index("profile_created", ["shop_id", "created_at"], unique=False)
        batch_op.create_index("profile_email", ["shop_id", "email"], unique=False)
        batch_op.create_index("profile_seen", ["shop_id", "last_active_at", "id"], unique=False)

    op.create_table(
        "profile_import",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("delimiter", sa.String(), nullable=False),
        sa.Column("data_offset", sa.BigInteger(), nullable=False),
        sa.Column("columns", Json, nullable=False),
        sa.Column("mapping", Json, nullable=False),
        sa.Column("declaration", Json, nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_flows", sa.Boolean(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.BigInteger(), nullable=False),
        sa.Column("added_to_list", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("profile_import", schema=None) as batch_op:
        batch_op.create_index(
            "profile_import_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('running', 'reverting')"),
            sqlite_where=sa.text("state IN ('running', 'reverting')"),
        )

    op.create_table(
        "profile_name",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "prefix",
            sa.String().with_variant(sa.String(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "prefix", "profile_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("profile_name", schema=None) as batch_op:
        batch_op.create_index("profile_name_profile", ["shop_id", "profile_id"], unique=False)

    op.create_table(
        "property_definition",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("property_definition", schema=None) as batch_op:
        batch_op.create_index("property_definition_name", ["shop_id", "name"], unique=True)

    op.create_table(
        "reconciliation",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("noun", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=True),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("partial", sa.BigInteger(), nullable=False),
        sa.Column("stale", sa.BigInteger(), nullable=False),
        sa.Column("unresolved", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("inactive_topics", Json, nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "noun"),
    )
    with op.batch_alter_table("reconciliation", schema=None) as batch_op:
        batch_op.create_index("reconciliation_due", ["due_at"], unique=False)

    op.create_table(
        "redacted_identity",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("keyed_hash", sa.String(), nullable=False),
        sa.Column("redacted_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "keyed_hash"),
    )
    op.create_table(
        "rejected_event",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "day", "reason"),
    )
    op.create_table(
        "repair",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.Column("noun", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "until", "noun", "kind"),
    )
    op.create_table(
        "shop",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("sender_name", sa.String(), nullable=False),
        sa.Column("sender_email", sa.String(), nullable=False),
        sa.Column("postal_address", sa.String(), nullable=False),
        sa.Column("access_token", Encrypted(), nullable=True),
        sa.Column("refresh_token", Encrypted(), nullable=True),
        sa.Column("token_expires_at", UTCDateTime(), nullable=True),
        sa.Column("refresh_expires_at", UTCDateTime(), nullable=True),
        sa.Column("create_customers", sa.Boolean(), nullable=False),
        sa.Column("write_form_answers", sa.Boolean(), nullable=False),
        sa.Column("implied_countries", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("installed_at", UTCDateTime(), nullable=False),
        sa.Column("uninstalled_at", UTCDateTime(), nullable=True),
        sa.Column("catalog_synced_at", UTCDateTime(), nullable=True),
        sa.Column("field_times", Json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("domain"),
    )
    op.create_table(
        "source_profile",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("own", Json, nullable=False),
        sa.Column("memberships", Json, nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("source_profile", schema=None) as batch_op:
        batch_op.create_index("source_profile_profile", ["shop_id", "profile_id"], unique=False)

    op.create_table(
        "step_log",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("flow_id", sa.BigInteger(), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("happened_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("step_log", schema=None) as batch_op:
        batch_op.create_index(
            "step_log_action", ["shop_id", "flow_id", "action_id", "outcome"], unique=False
        )
        batch_op.create_index("step_log_enrolment", ["shop_id", "enrolment_id"], unique=False)

    op.create_table(
        "stock",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=True),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("reported_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "variant_id"),
    )
    op.create_table(
        "stored_count",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "metric", "object_id"),
    )
    op.create_table(
        "subscription_contract",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=True),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("interval_count", sa.Integer(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("reported_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("subscription_contract", schema=None) as batch_op:
        batch_op.create_index(
            "subscription_contract_profile", ["shop_id", "profile_id"], unique=False
        )

    op.create_table(
        "suppression",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("keyed_hash", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "channel", "keyed_hash"),
    )
    op.create_table(
        "template",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    op.create_table(
        "template_version",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("preview", sa.String(), nullable=False),
        sa.Column("blocks", Json, nullable=False),
        sa.Column("translations", Json, nullable=False),
        sa.Column("compiled", Json, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "template_id", "version"),
    )
    op.create_table(
        "topic",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    op.create_table(
        "variant",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("compare_at_price", sa.BigInteger(), nullable=True),
        sa.Column("inventory_item_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "product_id", "id"),
    )
    op.create_table(
        "visit",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("browser_id", sa.String(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("last_seen_at", UTCDateTime(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("dwell_s", sa.Integer(), nullable=False),
        sa.Column("page_view_times", Json, nullable=False),
        sa.Column("entry_url", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("arrived_at", UTCDateTime(), nullable=True),
        sa.Column("referrer_host", sa.String(), nullable=False),
        sa.Column("utm_source", sa.String(), nullable=False),
        sa.Column("utm_medium", sa.String(), nullable=False),
        sa.Column("utm_campaign", sa.String(), nullable=False),
        sa.Column("utm_term", sa.String(), nullable=False),
        sa.Column("utm_content", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.create_index(
            "visit_browser_id", ["shop_id", "browser_id", "last_seen_at"], unique=False
        )
        batch_op.create_index("visit_last", ["shop_id", "last_seen_at"], unique=False)
        batch_op.create_index(
            "visit_profile", ["shop_id", "profile_id", "last_seen_at"], unique=False
        )

    op.create_table(
        "write_back",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=True),
        sa.Column("source_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("requested_at", UTCDateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "id"),
    )
    with op.batch_alter_table("write_back", schema=None) as batch_op:
        batch_op.create_index(
            "write_back_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state = 'due'"),
            sqlite_where=sa.text("state = 'due'"),
        )
        batch_op.create_index("write_back_key", ["shop_id", "dedupe_key"], unique=True)
        batch_op.create_index("write_back_profile", ["shop_id", "profile_id"], unique=False)
        batch_op.create_index(
            "write_back_troubled",
            ["shop_id", "requested_at"],
            unique=False,
            postgresql_where=sa.text("error != ''"),
            sqlite_where=sa.text("error != ''"),
        )
        batch_op.create_index(
            "write_back_waiting",
            ["shop_id"],
            unique=False,
            postgresql_where=sa.text("state = 'waiting'"),
            sqlite_where=sa.text("state = 'waiting'"),
        )


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("write_back", schema=None) as batch_op:
        batch_op.drop_index(
            "write_back_waiting",
            postgresql_where=sa.text("state = 'waiting'"),
            sqlite_where=sa.text("state = 'waiting'"),
        )
        batch_op.drop_index(
            "write_back_troubled",
            postgresql_where=sa.text("error != ''"),
            sqlite_where=sa.text("error != ''"),
        )
        batch_op.drop_index("write_back_profile")
        batch_op.drop_index("write_back_key")
        batch_op.drop_index(
            "write_back_due",
            postgresql_where=sa.text("state = 'due'"),
            sqlite_where=sa.text("state = 'due'"),
        )

    op.drop_table("write_back")
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.drop_index("visit_profile")
        batch_op.drop_index("visit_last")
        batch_op.drop_index("visit_browser_id")

    op.drop_table("visit")
    op.drop_table("variant")
    op.drop_table("topic")
    op.drop_table("template_version")
    op.drop_table("template")
    op.drop_table("suppression")
    with op.batch_alter_table("subscription_contract", schema=None) as batch_op:
        batch_op.drop_index("subscription_contract_profile")

    op.drop_table("subscription_contract")
    op.drop_table("stored_count")
    op.drop_table("stock")
    with op.batch_alter_table("step_log", schema=None) as batch_op:
        batch_op.drop_index("step_log_enrolment")
        batch_op.drop_index("step_log_action")

    op.drop_table("step_log")
    with op.batch_alter_table("source_profile", schema=None) as batch_op:
        batch_op.drop_index("source_profile_profile")

    op.drop_table("source_profile")
    op.drop_table("shop")
    op.drop_table("repair")
    op.drop_table("rejected_event")
    op.drop_table("redacted_identity")
    with op.batch_alter_table("reconciliation", schema=None) as batch_op:
        batch_op.drop_index("reconciliation_due")

    op.drop_table("reconciliation")
    with op.batch_alter_table("property_definition", schema=None) as batch_op:
        batch_op.drop_index("property_definition_name")

    op.drop_table("property_definition")
    with op.batch_alter_table("profile_name", schema=None) as batch_op:
        batch_op.drop_index("profile_name_profile")

    op.drop_table("profile_name")
    with op.batch_alter_table("profile_import", schema=None) as batch_op:
        batch_op.drop_index(
            "profile_import_due",
            postgresql_where=sa.text("state IN ('running', 'reverting')"),
            sqlite_where=sa.text("state IN ('running', 'reverting')"),
        )

    op.drop_table("profile_import")
    with op.batch_alter_table("profile", schema=None) as batch_op:
        batch_op.drop_index("profile_seen")
        batch_op.drop_index("profile_email")
        batch_op.drop_index("profile_created")

    op.drop_table("profile")
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_index("product_handle")

    op.drop_table("product")
    with op.batch_alter_table("privacy_request", schema=None) as batch_op:
        batch_op.drop_index("privacy_request_key")
        batch_op.drop_index(
            "privacy_request_due",
            postgresql_where=sa.text("state = 'new'"),
            sqlite_where=sa.text("state = 'new'"),
        )

    op.drop_table("privacy_request")
    op.drop_table("preference")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("orders_profile")
        batch_op.drop_index("orders_placed")

    op.drop_table("orders")
    op.drop_table("order_line")
    with op.batch_alter_table("metric", schema=None) as batch_op:
        batch_op.drop_index("metric_name")

    op.drop_table("metric")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("message_sent")
        batch_op.drop_index(
            "message_sending",
            postgresql_where=sa.text("state = 'sending'"),
            sqlite_where=sa.text("state = 'sending'"),
        )
        batch_op.drop_index("message_profile")
        batch_op.drop_index("message_idempotency_key")
        batch_op.drop_index("message_flow")
        batch_op.drop_index(
            "message_due",
            postgresql_where=sa.text("state = 'due'"),
            sqlite_where=sa.text("state = 'due'"),
        )

    op.drop_table("message")
    with op.batch_alter_table("merge", schema=None) as batch_op:
        batch_op.drop_index("merge_other")
        batch_op.drop_index("merge_one")

    op.drop_table("merge")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index("membership_profile")
        batch_op.drop_index("membership_joined")

    op.drop_table("membership")
    with op.batch_alter_table("list", schema=None) as batch_op:
        batch_op.drop_index(
            "list_deleted",
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
        )

    op.drop_table("list")
    op.drop_table("inventory_level")
    op.drop_table("import_problem")
    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.drop_index("identity_profile")

    op.drop_table("identity")
    op.drop_table("form_version")
    op.drop_table("form_stat")
    op.drop_table("form")
    op.drop_table("flow_version")
    with op.batch_alter_table("flow", schema=None) as batch_op:
        batch_op.drop_index("flow_trigger")

    op.drop_table("flow")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("event_unique")
        batch_op.drop_index("event_profile")
        batch_op.drop_index("event_metric")
        batch_op.drop_index("event_latest")

    op.drop_table("event")
    op.drop_table("erasure_permit")
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_index("enrolment_state")
        batch_op.drop_index("enrolment_profile")
        batch_op.drop_index("enrolment_key")
        batch_op.drop_index(
            "enrolment_due",
            postgresql_where=sa.text("state = 'waiting'"),
            sqlite_where=sa.text("state = 'waiting'"),
        )

    op.drop_table("enrolment")
    with op.batch_alter_table("duplicate_key", schema=None) as batch_op:
        batch_op.drop_index("duplicate_key_profile")

    op.drop_table("duplicate_key")
    op.drop_table("duplicate_check_due")
    with op.batch_alter_table("duplicate", schema=None) as batch_op:
        batch_op.drop_index("duplicate_state")

    op.drop_table("duplicate")
    with op.batch_alter_table("coupon_code", schema=None) as batch_op:
        batch_op.drop_index(
            "coupon_code_redeemed",
            postgresql_where=sa.text("redeemed_order_id IS NOT NULL"),
            sqlite_where=sa.text("redeemed_order_id IS NOT NULL"),
        )
        batch_op.drop_index("coupon_code_given")
        batch_op.drop_index(
            "coupon_code_free",
            postgresql_where=sa.text("message_key IS NULL"),
            sqlite_where=sa.text("message_key IS NULL"),
        )

    op.drop_table("coupon_code")
    op.drop_table("coupon")
    with op.batch_alter_table("consent_event", schema=None) as batch_op:
        batch_op.drop_index("consent_event_profile")
        batch_op.drop_index("consent_event_place")
        batch_op.drop_index("consent_event_key")

    op.drop_table("consent_event")
    op.drop_table("consent_chain")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index("consent_state")

    op.drop_table("consent")
    with op.batch_alter_table("confirmation_request", schema=None) as batch_op:
        batch_op.drop_index("confirmation_request_request")
        batch_op.drop_index("confirmation_request_profile")
        batch_op.drop_index("confirmation_request_canonical")

    op.drop_table("confirmation_request")
    op.drop_table("collection")
    with op.batch_alter_table("checkout", schema=None) as batch_op:
        batch_op.drop_index("checkout_profile")

    op.drop_table("checkout")
    op.drop_table("backfill_line")
    with op.batch_alter_table("backfill", schema=None) as batch_op:
        batch_op.drop_index(
            "backfill_due",
            postgresql_where=sa.text("state NOT IN ('done', 'failed')"),
            sqlite_where=sa.text("state NOT IN ('done', 'failed')"),
        )

    op.drop_table("backfill")
    with op.batch_alter_table("attribution", schema=None) as batch_op:
        batch_op.drop_index("attribution_message")
        batch_op.drop_index("attribution_at")

    op.drop_table("attribution")
    op.drop_table("app_plan")
    op.drop_table("activity")
    with op.batch_alter_table("access_log", schema=None) as batch_op:
        batch_op.drop_index("access_log_profile")
        batch_op.drop_index("access_log_over")
        batch_op.drop_index("access_log_at")

    op.drop_table("access_log")
