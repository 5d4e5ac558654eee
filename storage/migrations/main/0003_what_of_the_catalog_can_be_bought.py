"""What of the catalog can be bought."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version.

    What is on sale stays so until Shopify's next word: published when it last changed, and of a
    stock that nobody is known to count. The stores' catalogs are read anew for that word.
    """
    op.add_column("product", sa.Column("published_at", UTCDateTime(), nullable=True))
    op.execute("UPDATE product SET published_at = updated_at WHERE status <> 'deleted'")
    op.add_column(
        "variant", sa.Column("inventory_policy", sa.String(), nullable=False, server_default="deny")
    )
    op.add_column("variant", sa.Column("tracked", sa.Boolean(), nullable=True))
    op.execute("UPDATE shop SET catalog_synced_at = NULL")


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("variant", schema=None) as batch_op:
        batch_op.drop_column("tracked")
        batch_op.drop_column("inventory_policy")
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_column("published_at")
