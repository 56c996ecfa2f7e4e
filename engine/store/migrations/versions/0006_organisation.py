"""Who works here: members, teams, what teams own and when they work; keys that are a member's.

In: a catalog of any content. Out: `members`, `teams` with what belongs to them, and a column of
keys that is empty. Never: rows.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _when(name: str) -> sa.Column[datetime]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.current_timestamp(),
    )


def _team() -> sa.Column[int]:
    team = sa.ForeignKey("teams.id", ondelete="CASCADE")
    return sa.Column("team_id", sa.Integer, team, primary_key=True)


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("member", sa.String(64)))
    op.create_table(
        "members",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("folded", sa.String(256), nullable=False, unique=True),
        sa.Column("display", sa.String(200), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("email", sa.String(254)),
        _when("added_at"),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "teams",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("folded", sa.String(256), nullable=False, unique=True),
        sa.Column("zone", sa.String(64), nullable=False),
        _when("created_at"),
    )
    _create_what_belongs_to_teams()


def _create_what_belongs_to_teams() -> None:
    op.create_table(
        "team_members",
        _team(),
        sa.Column(
            "member_id", sa.Integer, sa.ForeignKey("members.id"), primary_key=True, index=True
        ),
    )
    op.create_table(
        "team_products",
        _team(),
        sa.Column("product_id", sa.String(256), primary_key=True, index=True),
    )
    op.create_table(
        "team_hours",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "team_id",
            sa.Integer,
            sa.ForeignKey("teams.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("member_id", sa.Integer, sa.ForeignKey("members.id")),
        sa.Column("weekday", sa.Integer, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("stop", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in ("team_hours", "team_products", "team_members", "teams", "members"):
        op.drop_table(table)
    op.drop_column("api_keys", "member")
