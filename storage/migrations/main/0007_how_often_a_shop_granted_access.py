"""How often a shop granted access."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version."""
    op.add_column("shop", sa.Column("grants", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("shop", schema=None) as batch_op:
        batch_op.drop_column("grants")
