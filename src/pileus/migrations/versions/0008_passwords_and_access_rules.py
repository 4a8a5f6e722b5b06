"""what passwords must be like, and access rules that live on their own."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
# "contract" for what takes away: it waits until no older process is alive.
phase = "expand"

_OF_USERS = (
    ("password_set_at", sa.DateTime()),
    ("password_own", sa.Boolean()),
    ("failures", sa.BigInteger()),
    ("failed_at", sa.DateTime()),
    ("totp_step", sa.BigInteger()),
    ("last_active_at", sa.DateTime()),
)


def upgrade() -> None:
    """Add the columns and the tables; older processes do not write them."""
    for name, kind in _OF_USERS:
        op.add_column("identity_users", sa.Column(name, kind, nullable=True))
    op.create_table(
        "identity_access_rules",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("path", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_access_rules")),
        sa.UniqueConstraint(
            "user_id",
            "service",
            "method",
            "path",
            name=op.f("uq_identity_access_rules_user_id_service_method_path"),
        ),
    )
    op.create_index(
        op.f("ix_identity_access_rules_user_id"), "identity_access_rules", ["user_id"], unique=False
    )
    op.create_table(
        "identity_old_passwords",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("replaced_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_old_passwords")),
    )
    op.create_index(
        op.f("ix_identity_old_passwords_user_id"),
        "identity_old_passwords",
        ["user_id"],
        unique=False,
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index(op.f("ix_identity_old_passwords_user_id"), table_name="identity_old_passwords")
    op.drop_table("identity_old_passwords")
    op.drop_index(op.f("ix_identity_access_rules_user_id"), table_name="identity_access_rules")
    op.drop_table("identity_access_rules")
    for name, _ in _OF_USERS:
        op.drop_column("identity_users", name)
