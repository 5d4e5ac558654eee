"""That a backup was restored."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version."""
    op.add_column("shop", sa.Column("restored_at", UTCDateTime(), nullable=True))
    op.create_table(
        "restoration",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("backed_up_at", UTCDateTime(), nullable=False),
        sa.Column("restored_at", UTCDateTime(), nullable=False),
        sa.Column("choice", sa.String(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("restoration")
    with op.batch_alter_table("shop", schema=None) as batch_op:
        batch_op.drop_column("restored_at")
