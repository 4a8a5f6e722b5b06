"""when a flow's step began to be waited for; builds asked for in vain; images' memory."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
# "contract" for what takes away: it waits until no older process is alive.
phase = "expand"


def upgrade() -> None:
    """Add the columns; older processes do not write them."""
    op.add_column("flows", sa.Column("since", sa.DateTime(), nullable=True))
    op.add_column("servers", sa.Column("image_min_ram", sa.BigInteger(), nullable=True))
    op.add_column("servers", sa.Column("builds_lost", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("servers", "builds_lost")
    op.drop_column("servers", "image_min_ram")
    op.drop_column("flows", "since")
