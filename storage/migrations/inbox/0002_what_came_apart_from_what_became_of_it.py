"""What came, apart from what became of it."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NEW = sa.text("state = 'new'")
SETTLED = sa.text("state <> 'new'")


def upgrade() -> None:
    """Towards the newest version."""
    op.rename_table("delivery", "delivery_0001")
    for name in ("delivery_new", "delivery_settled"):
        op.drop_index(name, table_name="delivery_0001")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX delivery_pkey RENAME TO delivery_0001_pkey")
    op.create_table(
        "inbox_position",
        sa.Column("arrival_id", KEY, nullable=False),
        sa.PrimaryKeyConstraint("arrival_id"),
    )
    op.create_table(
        "arrival",
        sa.Column("id", KEY, nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("api_version", sa.String(), nullable=False),
        sa.Column("triggered_at", sa.String(), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "delivery",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("arrival_id", KEY, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "webhook_id"),
        sqlite_with_rowid=False,
    )
    _move()
    op.drop_table("delivery_0001")
    _index("delivery_new", ["shop_id", "priority", "lease_until"], NEW)
    _index("delivery_settled", ["shop_id", "state", "received_at"], SETTLED)


def _move() -> None:
    op.execute("""
        INSERT INTO arrival (shop_id, webhook_id, topic, api_version, triggered_at, received_at,
                             body, priority)
        SELECT shop_id, webhook_id, topic, api_version, triggered_at, received_at, body, priority
        FROM delivery_0001 ORDER BY received_at
    """)
    op.execute("""
        INSERT INTO delivery (shop_id, webhook_id, arrival_id, topic, priority, received_at, state,
                              attempts, lease_until, error)
        SELECT before.shop_id, before.webhook_id, arrival.id, before.topic, before.priority,
               before.received_at, before.state, before.attempts, before.lease_until, before.error
        FROM arrival JOIN delivery_0001 AS before ON before.shop_id = arrival.shop_id
                                                 AND before.webhook_id = arrival.webhook_id
    """)
    op.execute(
        "INSERT INTO inbox_position (arrival_id) SELECT max(id) FROM arrival HAVING max(id) > 0"
    )


def _index(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, "delivery", columns, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Back to the version before."""
    for name in ("delivery_new", "delivery_settled"):
        op.drop_index(name, table_name="delivery")
    op.rename_table("delivery", "delivery_0002")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX delivery_pkey RENAME TO delivery_0002_pkey")
    op.create_table(
        "delivery",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("api_version", sa.String(), nullable=False),
        sa.Column("triggered_at", sa.String(), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "webhook_id"),
    )
    op.execute("""
        INSERT INTO delivery (shop_id, webhook_id, topic, priority, api_version, triggered_at,
                              received_at, body, state, attempts, lease_until, error)
        SELECT arrival.shop_id, arrival.webhook_id, arrival.topic, arrival.priority,
               arrival.api_version, arrival.triggered_at, arrival.received_at, arrival.body,
               coalesce(after.state, 'new'), coalesce(after.attempts, 0),
               coalesce(after.lease_until, 0.0), coalesce(after.error, '')
        FROM arrival LEFT JOIN delivery_0002 AS after ON after.shop_id = arrival.shop_id
                                                     AND after.webhook_id = arrival.webhook_id
        WHERE after.arrival_id IS NULL OR after.arrival_id = arrival.id
        ON CONFLICT DO NOTHING
    """)
    for name in ("delivery_0002", "arrival", "inbox_position"):
        op.drop_table(name)
    _index("delivery_new", ["shop_id", "priority", "lease_until"], NEW)
    _index("delivery_settled", ["shop_id", "state", "received_at"], SETTLED)
