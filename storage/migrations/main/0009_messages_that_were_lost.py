"""Messages that were lost: an index that counts them by when they were due."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LOST = sa.text("state IN ('failed', 'ambiguous')")


def upgrade() -> None:
    """Towards the newest version."""
    op.create_index("message_lost", "message", ["due_at"], postgresql_where=LOST, sqlite_where=LOST)


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index("message_lost", table_name="message")
