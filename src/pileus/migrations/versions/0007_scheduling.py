"""what the scheduler knows of hosts: builds that failed, NUMA cells, and who is pinned where."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
# "contract" for what takes away: it waits until no older process is alive.
phase = "expand"


def upgrade() -> None:
    """Add the columns and the table; older processes do not write them."""
    op.add_column("compute_hosts", sa.Column("build_failures", sa.BigInteger(), nullable=True))
    op.add_column("compute_hosts", sa.Column("cells", sa.JSON(), nullable=True))
    op.create_table(
        "pinnings",
        sa.Column("server_id", sa.String(length=36), nullable=False),
        sa.Column("host_id", sa.String(length=36), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("server_id", "host_id", name=op.f("pk_pinnings")),
    )
    op.create_index(op.f("ix_pinnings_host_id"), "pinnings", ["host_id"], unique=False)


def downgrade() -> None:
    """Take them away."""
    op.drop_index(op.f("ix_pinnings_host_id"), table_name="pinnings")
    op.drop_table("pinnings")
    op.drop_column("compute_hosts", "cells")
    op.drop_column("compute_hosts", "build_failures")
