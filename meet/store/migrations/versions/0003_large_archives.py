"""What a large archive needs: an index of what is no line, and sieves for searches."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INDEX = "ix_entries_room_epoch_kind_seq"
_NO_LINE = sa.text("kind <> 'said'")
_MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make both; sieves are made of what is recorded from now on."""

    def ordered(width: int) -> Any:
        return sa.String(width).with_variant(sa.String(width, collation="C"), "postgresql")

    op.create_table(
        "sieves",
        sa.Column("room", ordered(40), nullable=False),
        sa.Column("epoch", ordered(16), nullable=False),
        sa.Column("block", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("sieve", sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"), nullable=False),
        sa.PrimaryKeyConstraint("room", "epoch", "block", name="pk_sieves"),
        if_not_exists=True,
        **_MYSQL,
    )
    # MySQL, which undoes no step, may have been stopped right after this one.
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("entries")}:
        columns = ["room", "epoch", "kind", "seq"]
        op.create_index(_INDEX, "entries", columns, sqlite_where=_NO_LINE, postgresql_where=_NO_LINE)


def downgrade() -> None:
    """Take both away."""
    op.drop_index(_INDEX, "entries")
    op.drop_table("sieves")
