"""A client for every kind of address, and what is said when it cannot be reached."""

from __future__ import annotations

from django.test import SimpleTestCase

from meet.address import read_address
from meet.bus import Asked
from meet.errors import Unavailable
from meet.rasputin.connection import connect, run
from tests.rasputin.ground import server
from tests.servers.cluster import Cluster
from tests.servers.program import free_port
from tests.servers.redis import Redis


class Connecting(SimpleTestCase):
    def test_a_server_a_socket_and_a_database(self) -> None:
        for url in (server().url, f"redis+unix://{server().socket_path}", f"{server().url}/3"):
            client = connect(read_address(url))
            assert client.ping()
            client.close()

    def test_a_password_and_tls(self) -> None:
        with Redis(user="site", password="secret", tls=True) as redis:
            assert redis.certificate is not None
            client = connect(read_address(f"{redis.url}?ca={redis.certificate.certificate}"))
            assert client.ping()
            client.close()

    def test_a_cluster(self) -> None:
        with Cluster(replicas=0) as cluster:
            client = connect(read_address(f"redis+cluster://{','.join(cluster.addresses)}"))
            assert run(client, "probe", Asked(["meet:{07}:probe"], ["meet:probe:x", "hi"])) == 1
            client.close()

    def test_scripts_are_run_also_where_they_are_forgotten(self) -> None:
        client = connect(read_address(server().url))
        for _ in range(2):
            server().command("SCRIPT", "FLUSH")
            assert run(client, "probe", Asked(["meet:{07}:probe"], ["meet:probe:x", "hi"])) == 1
        client.close()

    def test_who_is_not_there_is_unavailable(self) -> None:
        client = connect(read_address(f"redis://127.0.0.1:{free_port()}"))
        with self.assertRaisesRegex(Unavailable, "Redis cannot be asked"):
            run(client, "probe", Asked(["k"], ["c", "m"]))
