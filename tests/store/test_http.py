"""How CouchDB is asked: bounds of time and size, and what goes wrong on the way."""

from __future__ import annotations

import json

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meet.errors import Unavailable
from meet.store import http
from meet.store.documents import Document
from meet.store.http import PATIENCE, Address, Couch, Denied, address_of
from tests.standins.couchdb import CouchDb


class Addresses(SynchronousTestCase):
    def test_user_password_and_port_are_read_out_of_it(self):
        assert address_of("couchdb://me%40here:p%2Fw@[::1]:6000/a-b") == Address(
            "http://[::1]:6000", "a-b", "me@here", "p/w"
        )
        assert address_of("couchdbs://h/meet%2B1") == Address("https://h:6984", "meet+1", "", "")
        assert address_of("couchdb://h/meet").server == "http://h:5984"

    def test_the_password_can_be_in_a_file(self):
        file = self.mktemp()
        with open(file, "w") as out:
            out.write("sesame\n")
        assert address_of(f"couchdb://me@h/meet?password-file={file}").password == "sesame"


class Bounds(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.server = CouchDb()
        self.couch = Couch(Address("http://h", "meet", "me", "pass"), self.clock, PATIENCE, self.server.treq)

    def ask(self, work):
        return self.server.told(work)

    def test_what_is_too_long_is_asked_for_in_pieces(self):
        documents = [Document(id=f"entry!a!k!{number:018d}", body="w" * 300) for number in range(1, 10)]
        self.ask(self.couch.write(documents))
        self.patch(http, "LONGEST", 1500)
        ids = [each.id for each in documents]
        assert [each.id for each in self.ask(self.couch.read(ids[0], ids[-1], 9))] == ids
        assert sorted(self.ask(self.couch.look(ids))) == ids
        self.patch(http, "LONGEST", 200)
        with pytest.raises(Unavailable, match="more than 200 bytes"):
            self.ask(self.couch.look(ids))

    def test_a_span_that_has_no_room_is_not_asked_for(self):
        assert self.ask(self.couch.read("b", "a", 5)) == []
        assert self.server.asked == []

    def test_nonsense_is_told_in_a_sentence(self):

        def page(request):
            self.server.asked.append("")
            return b"<html>a proxy's page</html>"

        self.patch(self.server, "render", page)
        with pytest.raises(Unavailable, match="something that is not understood"):
            self.ask(self.couch.information())

    def test_a_refusal_has_its_status_and_a_sentence(self):
        for status, words in (
            (401, "user or the password"),
            (403, "not allow"),
            (404, "not have"),
            (500, "answers 500"),
        ):
            self.server.refusals[""] = status
            with pytest.raises(Denied, match=words) as caught:
                self.ask(self.couch.information())
            assert caught.value.status == status
            assert "pass" not in str(caught.value).replace("password", "")


class Wire(Protocol):
    """Somebody who says the next of ``answers`` to each question; None hangs up, '' says nothing."""

    def dataReceived(self, data):
        self.factory.asked += 1
        answer = self.factory.answers.pop(0)
        if answer is None:
            self.transport.loseConnection()
        elif answer:
            self.transport.write(answer)
        else:
            self.factory.waiting.callback(None)

    def connectionLost(self, reason):
        if self.factory.ended is not None:
            self.factory.ended.callback(None)


def answer(body, length=None):
    data = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length or len(data), data)


class OverASocket(TestCase):
    timeout = 30

    async def begin(self, *answers):
        self.factory = Factory.forProtocol(Wire)
        self.factory.answers, self.factory.asked = list(answers), 0
        self.factory.waiting, self.factory.ended = Deferred(), None
        port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(self.factory)
        self.addCleanup(port.stopListening)
        self.clock = Clock()
        couch = Couch(Address(f"http://127.0.0.1:{port.getHost().port}", "meet", "", ""), self.clock, PATIENCE)
        couch.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(couch.close()))
        return couch

    async def test_a_connection_that_was_closed_meanwhile_is_tried_again(self):
        couch = await self.begin(answer({}), None, None, answer([{"id": "a", "ok": True}]))
        await couch.information()
        (row,) = await couch.write([Document(id="a")])
        assert (row.id, self.factory.asked) == ("a", 4)

    async def test_one_that_is_closed_each_time_is_unavailable(self):
        couch = await self.begin(*[None] * 9)
        with pytest.raises(Unavailable, match="cannot be reached"):
            await couch.write([Document(id="a")])
        assert self.factory.asked == 5

    async def test_who_says_nothing_is_hung_up_on_in_time(self):
        couch = await self.begin("")
        asked = Deferred.fromCoroutine(couch.write([Document(id="a")]))
        await self.factory.waiting
        ended = self.factory.ended = Deferred()
        self.clock.advance(PATIENCE)
        with pytest.raises(Unavailable, match=r"^The archive does not answer\.$"):
            await asked
        await ended
        assert self.factory.asked == 1

    async def test_who_stops_in_the_middle_is_hung_up_on_in_time(self):
        couch = await self.begin(answer([], length=900))
        asked = Deferred.fromCoroutine(couch.write([Document(id="a")]))
        ended = self.factory.ended = Deferred()
        # Whether the answer has begun to come by then or not, its time is over.
        while not self.factory.asked:
            await Deferred.fromCoroutine(self.turn())
        self.clock.advance(PATIENCE)
        with pytest.raises(Unavailable, match=r"^The archive does not answer\.$"):
            await asked
        await ended

    async def turn(self):
        turned = Deferred()
        reactor.callLater(0, turned.callback, None)
        await turned

    async def test_a_closed_one_asks_nobody(self):
        couch = await self.begin()
        await couch.close()
        with pytest.raises(Unavailable, match="not open"):
            await couch.information()
