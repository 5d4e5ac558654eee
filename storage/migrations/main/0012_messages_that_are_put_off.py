"""Messages that are put off: an index that counts a shop's by their reason."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PUT_OFF = sa.text("state = 'due' AND skip_reason <> ''")


def upgrade() -> None:
    """Towards the newest version."""
    op.create_index(
        "message_put_off",
        "message",
        ["shop_id", "skip_reason"],
        postgresql_where=PUT_OFF,
        sqlite_where=PUT_OFF,
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index("message_put_off", table_name="message")
