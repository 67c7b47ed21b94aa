"""What a broker's URL says, and what it cannot mean."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import meet
from meet.address import Address, read_address


class AddressTests(SynchronousTestCase):
    def test_one_server(self) -> None:
        assert read_address("redis://") == Address("server", (("localhost", 6379),))
        assert read_address("redis://h:1/3") == Address("server", (("h", 1),), database=3)
        assert read_address("redis://[::1]:7") == Address("server", (("::1", 7),))

    def test_who_we_are(self) -> None:
        address = read_address("rediss://meet:p%40ss:word@h?prefix=x&wait=1&ca=/etc/ca.pem")
        assert (address.user, address.password) == ("meet", "p@ss:word")
        assert (address.tls, address.prefix, address.wait, address.ca) == (True, "x", 1, "/etc/ca.pem")
        assert read_address("redis://:word@h").password == "word"
        assert "word" not in str(address)

    def test_a_socket(self) -> None:
        address = read_address("redis+unix://meet:word@/run/redis%20one.sock?db=2")
        assert (address.kind, address.places, address.database) == ("socket", (("/run/redis one.sock", 0),), 2)
        assert address.password == "word"

    def test_sentinels(self) -> None:
        address = read_address("redis+sentinel://a,b:1,c:2/mymaster/4")
        assert address.places == (("a", 26379), ("b", 1), ("c", 2))
        assert (address.kind, address.master, address.database) == ("sentinel", "mymaster", 4)

    def test_a_cluster(self) -> None:
        address = read_address("rediss+cluster://a:7000,b:7001")
        assert (address.kind, address.tls, address.places) == ("cluster", True, (("a", 7000), ("b", 7001)))

    def test_a_password_in_a_file(self) -> None:
        path = Path(self.mktemp())
        path.write_text("word\n")
        assert read_address(f"redis://meet@h?password-file={path}").password == "word"
        with self.assertRaisesRegex(ValueError, "cannot be read"):
            read_address("redis://h?password-file=/nowhere")

    def test_what_it_cannot_mean(self) -> None:
        for url in (
            "redis://h:x",
            "redis://h:99999",
            "redis://h/x",
            "redis://h/-1",
            "redis://h/1/2",
            "redis://a,b",
            "redis://h?pool=3",
            "redis://h?prefix={x}",
            "redis://h?wait=many",
            "redis://h#x",
            "redis+ssh://h",
            "redis+unix://h/run/x",
            "rediss+unix:///run/x",
            "redis+sentinel://h",
            "redis+cluster://h/1",
            "redis://ho st",
        ):
            with self.assertRaises(ValueError, msg=url) as refused:
                read_address(url)
            assert str(refused.exception).endswith("."), url

    def test_every_example_of_the_manual_is_an_address(self) -> None:
        manual = (Path(meet.__file__).parent.parent / "docs" / "manual.md").read_text()
        examples = re.findall(r"^\| .* \| `(rediss?(?:\+\w+)?://[^`]*)` \|$", manual, re.MULTILINE)
        assert len(examples) == 10
        for example in examples:
            url = re.sub(r"password-file=[^&]*", "prefix=x", example)
            assert read_address(url).places, example
        kinds = {read_address(re.sub(r"password-file=[^&]*", "", each)).kind for each in examples}
        assert kinds == {"server", "socket", "sentinel", "cluster"}
