"""The inbox."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version."""
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
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "delivery_new",
            ["shop_id", "priority", "lease_until"],
            unique=False,
            postgresql_where=sa.text("state = 'new'"),
            sqlite_where=sa.text("state = 'new'"),
        )
        batch_op.create_index(
            "delivery_settled",
            ["shop_id", "state", "received_at"],
            unique=False,
            postgresql_where=sa.text("state <> 'new'"),
            sqlite_where=sa.text("state <> 'new'"),
        )


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(
            "delivery_settled",
            postgresql_where=sa.text("state <> 'new'"),
            sqlite_where=sa.text("state <> 'new'"),
        )
        batch_op.drop_index(
            "delivery_new",
            postgresql_where=sa.text("state = 'new'"),
            sqlite_where=sa.text("state = 'new'"),
        )

    op.drop_table("delivery")
