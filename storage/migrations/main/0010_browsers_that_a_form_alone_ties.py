"""Whether a form alone ties a browser to its shopper."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version: browsers that are known stay as they are."""
    op.add_column(
        "identity", sa.Column("is_typed", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("identity", "is_typed")
