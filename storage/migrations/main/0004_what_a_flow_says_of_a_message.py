"""What a flow says of a message: smart sending, and whether its links are tracked."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version. What is queued already goes out as it was queued."""
    op.add_column(
        "message",
        sa.Column("smart_sending", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column(
        "message",
        sa.Column("tracking_params", sa.Boolean(), nullable=False, server_default=sa.true()),
    )


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_column("tracking_params")
        batch_op.drop_column("smart_sending")
