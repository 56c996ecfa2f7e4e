"""No two keys that work share a name: names are how people tell keys apart, and end them.

In: `api_keys` of any content. Out: the same keys, under one index; of those that shared a name all
but the oldest bear their prefix too. Never: a key ended, or a name of an ended key changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LONGEST = 200


def upgrade() -> None:
    keys = sa.table(
        "api_keys", *(sa.column(name) for name in ("id", "name", "prefix", "revoked_at"))
    )
    connection = op.get_bind()
    working = sa.select(keys).where(keys.c.revoked_at.is_(None)).order_by(keys.c.id)
    taken: set[str] = set()
    for row in connection.execute(working).all():
        name = row.name
        if name in taken:
            name = f"{name[: LONGEST - len(row.prefix) - 1]} {row.prefix}"
            connection.execute(keys.update().where(keys.c.id == row.id).values(name=name))
        taken.add(name)
    op.create_index(
        "working_names",
        "api_keys",
        ["name"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("working_names", "api_keys")
