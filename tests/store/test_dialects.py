"""What differs between the databases, as far as it can be said without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite

from meet.store.dialects import address_of, engine_for, insert_or_ignore, insert_or_replace
from meet.store.tables import ENTRIES

DIALECTS = [sqlite.dialect(), postgresql.dialect(), mysql.dialect()]
KNOWN_BY = ["room", "epoch", "seq"]


def test_what_is_there_is_left_as_it_is() -> None:
    texts = [str(insert_or_ignore(each.name, ENTRIES).compile(dialect=each)) for each in DIALECTS]
    assert "ON CONFLICT DO NOTHING" in texts[0]
    assert "ON CONFLICT DO NOTHING" in texts[1]
    assert "INSERT IGNORE INTO" in texts[2]


def test_what_replaces_a_row_says_so_in_each_ones_words() -> None:
    texts = [str(insert_or_replace(each.name, ENTRIES, KNOWN_BY).compile(dialect=each)) for each in DIALECTS]
    assert "ON CONFLICT (room, epoch, seq) DO UPDATE" in texts[0]
    assert "ON CONFLICT (room, epoch, seq) DO UPDATE" in texts[1]
    assert "ON DUPLICATE KEY UPDATE" in texts[2]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://meet@127.0.0.1", "must name a database: postgresql://user@host/name"),
        ("mysql://127.0.0.1/", "must name a database"),
        ("postgresql://meet@127.0.0.1:port/meet", "looks like"),
        ("sqlite:what", "looks like"),
    ],
)
def test_what_is_wrong_with_a_url_is_told_in_a_sentence(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        address_of(url, Path("/srv/meet"))


def test_mysql_is_spoken_to_in_all_of_unicode() -> None:
    for url in ("mysql://meet@127.0.0.1/meet", "mariadb://meet@127.0.0.1/meet?charset=latin1"):
        assert address_of(url, Path("/srv/meet")).query["charset"] == "utf8mb4"


def test_a_missing_driver_is_named_with_what_to_install() -> None:
    address = address_of("mysql+oursql://meet@127.0.0.1/meet", Path("/srv/meet"))
    with pytest.raises(ValueError, match=r"not installed: pip install 'meet\[mysql\]'\.$"):
        engine_for(address)


def test_a_connection_that_is_lost_when_it_is_given_back_leaves_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_for(address_of("sqlite:", tmp_path))

    def lose(connection: object) -> None:
        raise engine.dialect.dbapi.OperationalError("Lost connection to the server")

    engine.connect().close()
    monkeypatch.setattr(engine.dialect, "do_rollback", lose)
    engine.raw_connection().close()
    assert caplog.records == []
