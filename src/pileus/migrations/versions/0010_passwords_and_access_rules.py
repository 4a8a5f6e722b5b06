"""what passwords must be like, and access rules that live on their own."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
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
    _copy_rules()
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


def _copy_rules() -> None:
    """Give the rules of the credentials that there are rows of their own; of like ones, one."""
    names = ("id", "user_id", "service", "method", "path")
    rules = sa.table("identity_access_rules", *(sa.column(n, sa.String()) for n in names))
    credentials = sa.table(
        "identity_application_credentials",
        sa.column("user_id", sa.String()),
        sa.column("access_rules", sa.JSON()),
    )
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in op.get_bind().execute(sa.select(credentials)):
        for rule in row.access_rules or ():
            values = {name: rule.get(name, "") for name in names} | {"user_id": row.user_id}
            found.setdefault(tuple(values[n] for n in names[1:]), values)
    if found:
        op.bulk_insert(rules, list(found.values()))


def downgrade() -> None:
    """Take them away."""
    op.drop_index(op.f("ix_identity_old_passwords_user_id"), table_name="identity_old_passwords")
    op.drop_table("identity_old_passwords")
    op.drop_index(op.f("ix_identity_access_rules_user_id"), table_name="identity_access_rules")
    op.drop_table("identity_access_rules")
    for name, _ in _OF_USERS:
        op.drop_column("identity_users", name)
