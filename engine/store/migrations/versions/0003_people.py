"""What people allowed, and a trace of those who were erased that tells nobody who they were.

In: a catalog of keys and promotions. Out: `consents` and `forgotten`. Never: rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.String(256), nullable=False, index=True),
        *(
            sa.Column(flag, sa.Boolean, nullable=False)
            for flag in ("store", "profile", "select", "measure")
        ),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "forgotten",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("consent", sa.Integer, nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.current_timestamp(),
        ),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("forgotten")
    op.drop_table("consents")
