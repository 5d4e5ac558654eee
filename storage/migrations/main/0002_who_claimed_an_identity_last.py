"""Who claimed an identity last."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STRONG = ("customer_id", "external_id", "email", "phone")


def upgrade() -> None:
    """Towards the newest version.

    What was done until now on a device that leads to a known shopper stays theirs.
    """
    op.add_column("identity", sa.Column("claimed_at", UTCDateTime(), nullable=True))
    op.add_column("identity", sa.Column("browser_id", sa.String(), nullable=True))
    identity = sa.table(
        "identity",
        sa.column("shop_id"),
        sa.column("profile_id"),
        sa.column("kind"),
        sa.column("claimed_at", UTCDateTime()),
    )
    named = identity.alias()
    op.execute(
        identity.update()
        .where(
            sa.exists().where(
                named.c.shop_id == identity.c.shop_id,
                named.c.profile_id == identity.c.profile_id,
                named.c.kind.in_(STRONG),
            )
        )
        .values(claimed_at=datetime.now(UTC))
    )


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.drop_column("browser_id")
        batch_op.drop_column("claimed_at")
