"""What every broker promises: `meet.interfaces.IBroker`, told as tests.

Mix `BrokerContract` into a `twisted.trial.unittest.TestCase` that has the method ``make``
of `tests.contracts.broker_ground.BrokerGround`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from meet.errors import Stale, Taken
from meet.events import Position
from meet.interfaces import IBroker
from meet.look import Look
from tests.contracts.broker_ground import LIMITS, chance
from tests.contracts.broker_journal import JournalContract
from tests.contracts.broker_leases import LeasesContract
from tests.contracts.broker_observers import ObserversContract
from tests.contracts.broker_presence import PresenceContract
from tests.contracts.broker_restore import RestoreContract
from tests.contracts.hearing import Failing, Heard

__all__ = ["LIMITS", "BrokerContract", "Heard", "chance"]


class BrokerContract(JournalContract, PresenceContract, LeasesContract, ObserversContract, RestoreContract):
    """All of it: numbers, guards, memory, live telling, journal, dropping; and what is promised
    of processes beside each other, and of what was lost.

    Nothing here takes for granted that an entry is heard when its publish fires.
    """

    # The object.

    def test_it_is_a_broker(self) -> None:
        self.assertTrue(verifyObject(IBroker, self.broker))

    async def test_the_secret_stays(self) -> None:
        secret = await self.done(self.broker.secret())
        self.assertEqual(len(secret), 32)
        await self.restart()
        self.assertEqual(await self.done(self.broker.secret()), secret)

    # Numbers.

    async def test_numbers_are_dense_within_one_epoch(self) -> None:
        positions = [await self.say(b"%d" % each) for each in range(5)]
        self.assertEqual([position.seq for position in positions], [1, 2, 3, 4, 5])
        self.assertEqual(len({position.epoch for position in positions}), 1)
        self.assertRegex(positions[0].epoch, r"\A[0-9a-z]{1,16}\Z")

    async def test_numbers_follow_the_order_of_asking(self) -> None:
        asked = [self.broker.publish("algebra", b"%d" % each, under=None) for each in range(50)]
        positions = await self.done(gatherResults(asked))
        self.assertEqual([position.seq for position in positions], list(range(1, 51)))

    async def test_rooms_do_not_know_each_other(self) -> None:
        await self.say(b"a", room="algebra", key="x", claim=("x", "ann"), once="1", ruling=True)
        position = await self.say(b"b", room="botany", key="x", claim=("x", "bob"), once="1")
        self.assertEqual(position.seq, 1)
        self.assertEqual([body for _, body in (await self.look("botany")).kept], [b"b"])

    async def test_a_log_goes_on_after_a_restart(self) -> None:
        first = await self.say(b"one")
        await self.restart()
        second = await self.say(b"two")
        self.assertEqual(second, Position(first.epoch, 2))

    # Guards.

    async def test_under_an_older_ruling_is_stale(self) -> None:
        law = await self.say(b"law", key="settings", ruling=True)
        await self.refused(Stale, under=None)
        newer = await self.say(b"newer", key="settings", ruling=True, under=law)
        await self.refused(Stale, under=law)
        await self.refused(Stale, under=Position("another", newer.seq))
        await self.say(b"yes", under=newer)

    async def test_an_unknown_room_has_no_ruling(self) -> None:
        await self.refused(Stale, under=Position("k3q", 1))
        self.assertEqual(await self.done(self.broker.rooms()), [])

    async def test_a_key_is_claimed_once(self) -> None:
        await self.say(b"ann", key="who:ann", claim=("who:ann", "p1"))
        await self.refused(Taken, key="who:ann", claim=("who:ann", "p2"))
        await self.say(b"ann again", key="who:ann", claim=("who:ann", "p1"))
        self.assertEqual([body for _, body in (await self.look()).kept], [b"ann again"])

    async def test_of_two_who_claim_at_once_one_gets_it(self) -> None:
        first = self.broker.publish("algebra", b"1", under=None, key="who:ann", claim=("who:ann", "p1"))
        second = self.broker.publish("algebra", b"2", under=None, key="who:ann", claim=("who:ann", "p2"))
        await self.done(first)
        with self.assertRaises(Taken):
            await self.done(second)

    async def test_acting_under_a_key_needs_to_hold_it(self) -> None:
        await self.refused(Taken, claim=("who:ann", "p1"))
        await self.say(b"ann", key="who:ann", claim=("who:ann", "p1"))
        await self.say(b"hi", claim=("who:ann", "p1"))
        await self.refused(Taken, claim=("who:ann", "p2"))
        await self.refused(Taken, key="title", claim=("who:ann", "p2"))

    async def test_forgetting_needs_to_hold_the_key_and_frees_it(self) -> None:
        await self.refused(Taken, key="who:ann", forget=True, claim=("who:ann", "p1"))
        await self.say(b"ann", key="who:ann", claim=("who:ann", "p1"))
        await self.refused(Taken, key="who:ann", forget=True, claim=("who:ann", "p2"))
        await self.say(b"left", key="who:ann", forget=True, claim=("who:ann", "p1"))
        self.assertEqual((await self.look()).kept, [])
        await self.say(b"other", key="who:ann", claim=("who:ann", "p2"))

    async def test_a_claim_holds_after_a_restart(self) -> None:
        await self.say(b"ann", key="who:ann", claim=("who:ann", "p1"))
        await self.restart()
        await self.refused(Taken, key="who:ann", claim=("who:ann", "p2"))
        await self.say(b"hi", claim=("who:ann", "p1"))

    async def test_a_line_is_said_once(self) -> None:
        first = await self.say(b"hi", once="p1:7")
        self.assertEqual(await self.say(b"hi", once="p1:7"), first)
        self.assertEqual(len((await self.look()).tail), 1)
        await self.restart()
        self.assertEqual(await self.say(b"hi", once="p1:7"), first)
        self.assertNotEqual(await self.say(b"hi", once="p2:7"), first)

    async def test_a_line_asked_twice_at_once_is_said_once(self) -> None:
        both = [self.broker.publish("algebra", b"hi", under=None, once="p1:7") for _ in range(2)]
        first, second = await self.done(gatherResults(both))
        self.assertEqual(first, second)

    async def test_once_is_forgotten_in_its_time(self) -> None:
        first = await self.say(b"hi", once="p1:7")
        await self.pass_time(LIMITS.once_kept - 1)
        self.assertEqual(await self.say(b"hi", once="p1:7"), first)
        await self.pass_time(2)
        self.assertEqual((await self.say(b"hi", once="p1:7")).seq, 2)

    async def test_once_is_asked_before_under_and_under_before_claim(self) -> None:
        first = await self.say(b"hi", once="p1:7")
        law = await self.say(b"law", key="settings", ruling=True)
        self.assertEqual(await self.say(b"hi", once="p1:7", claim=("who:ann", "p1")), first)
        await self.refused(Stale, claim=("who:ann", "p1"))
        await self.refused(Taken, under=law, claim=("who:ann", "p1"))

    async def test_a_refused_ask_was_not_said(self) -> None:
        await self.refused(Taken, once="p1:7", claim=("who:ann", "p1"))
        self.assertEqual((await self.say(b"hi", once="p1:7")).seq, 1)

    # What is remembered.

    async def test_an_unknown_room_looks_empty(self) -> None:
        self.assertEqual(await self.look("nowhere"), Look(None, None, [], [], 0))
        self.assertEqual(await self.done(self.broker.rooms()), [])

    async def test_the_tail_is_bounded_and_says_where_it_begins(self) -> None:
        positions = [await self.say(b"%d" % each) for each in range(25)]
        for _ in range(2):
            look = await self.look()
            self.assertEqual([position for position, _ in look.tail], positions[-10:])
            self.assertEqual([body for _, body in look.tail], [b"%d" % each for each in range(15, 25)])
            self.assertEqual(look.floor, 15)
            self.assertEqual(look.last, positions[-1])
            await self.restart()

    async def test_a_thousand_joins_push_no_talk_out(self) -> None:
        await self.say(b"hello")
        joins = [
            self.broker.publish("algebra", b"%d" % each, under=None, key=f"who:{each}", claim=(f"who:{each}", "p"))
            for each in range(1000)
        ]
        await self.done(gatherResults(joins))
        look = await self.look()
        self.assertEqual([body for _, body in look.tail], [b"hello"])
        self.assertEqual(look.floor, 0)
        self.assertEqual(len(look.kept), 1000)

    async def test_state_is_the_newest_for_each_key_in_order(self) -> None:
        for key, body in (("a", b"1"), ("b", b"2"), ("a", b"3"), ("c", b"4"), ("b", b"5")):
            await self.say(body, key=key)
        await self.say(b"6", key="c", forget=True)
        for _ in range(2):
            look = await self.look()
            self.assertEqual([(position.seq, body) for position, body in look.kept], [(3, b"3"), (5, b"5")])
            self.assertEqual(look.last.seq, 6)
            await self.restart()

    async def test_the_law_is_the_newest_ruling(self) -> None:
        law = await self.say(b"law", key="settings", ruling=True)
        await self.say(b"talk", under=law)
        for _ in range(2):
            self.assertEqual((await self.look()).law, law)
            await self.restart()

    async def test_erased_words_are_gone_from_tail_and_journal(self) -> None:
        said = await self.say(b"a rude word")
        kept = await self.say(b"state", key="title")
        observer = Failing(1)
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.done(observer.tried(1))
        await self.say(b"erased", key=f"erased:{said}", erase=said)
        await self.say(b"also", erase=kept)
        await self.pass_time(1)
        await self.done(observer.upto(3))
        self.assertEqual(observer.bodies, [b"state", b"erased", b"also"])
        for _ in range(2):
            look = await self.look()
            self.assertEqual([body for _, body in look.tail], [b"also"])
            self.assertEqual([body for _, body in look.kept], [b"state", b"erased"])
            self.assertEqual(look.floor, 0)
            self.assertNotIn(b"a rude word", self.files())
            await self.restart()

    async def test_words_that_are_put_instead_of_others_stand_in_their_place_in_tail_and_journal(self) -> None:
        first = await self.say(b"words that expire")
        state = await self.say(b"state", key="title")
        await self.say(b"in between")
        observer = Failing(1)
        await self.done(self.broker.journal("recorder", observer.observe))
        await self.done(observer.tried(1))
        gone = await self.say(b"gone")
        await self.say(b"erased", key="erased", erase=gone)
        others = [(first, b"a link"), (state, b"no"), (gone, b"no"), (Position("other", 3), b"no")]
        await self.say(b"expired", key="expired", instead=others)
        await self.pass_time(1)
        await self.done(observer.upto(5))
        self.assertEqual(sorted(observer.bodies), [b"a link", b"erased", b"expired", b"in between", b"state"])
        for _ in range(2):
            look = await self.look()
            self.assertEqual(look.tail, [(first, b"a link"), (Position(first.epoch, 3), b"in between")])
            self.assertEqual([body for _, body in look.kept], [b"state", b"erased", b"expired"])
            self.assertEqual(look.floor, 0)
            self.assertNotIn(b"words that expire", self.files())
            await self.restart()
        await self.say(b"goes on")
        self.assertEqual([body for _, body in (await self.look()).tail], [b"a link", b"in between", b"goes on"])

    async def test_what_was_looked_at_does_not_change(self) -> None:
        await self.say(b"one")
        look = await self.look()
        await self.say(b"two")
        self.assertEqual([body for _, body in look.tail], [b"one"])

    async def test_rooms_are_those_that_are_remembered(self) -> None:
        await self.say(b"b", room="botany")
        await self.say(b"a", room="algebra")
        for _ in range(2):
            self.assertEqual(sorted(await self.done(self.broker.rooms())), ["algebra", "botany"])
            await self.restart()

    # Live.

    async def test_those_who_attend_hear_in_order_what_comes_after(self) -> None:
        await self.say(b"before")
        heard = Heard()
        await self.done(self.broker.attend("algebra", heard.hear))
        asked = [self.broker.publish("algebra", b"%d" % each, under=None) for each in range(20)]
        asked.append(self.broker.publish("botany", b"elsewhere", under=None))
        positions = await self.done(gatherResults(asked))
        while heard.bodies[-1:] != [b"19"]:
            await self.done(heard.upto(len(heard.items) + 1))
        # What came just before the attendance may be on its way as well.
        self.assertEqual(heard.items[-20:], [(positions[each], b"%d" % each) for each in range(20)])

    async def test_nothing_is_heard_in_the_turn_in_which_it_is_asked(self) -> None:
        heard = Heard()
        await self.done(self.broker.attend("algebra", heard.hear))
        asked = self.broker.publish("algebra", b"hi", under=None)
        self.assertEqual(heard.items, [])
        self.assertFalse(asked.called)
        await self.done(asked)
        await self.done(heard.upto(1))
        self.assertEqual(len(heard.items), 1)

    async def test_a_repeated_ask_is_not_heard_again(self) -> None:
        heard = Heard()
        await self.done(self.broker.attend("algebra", heard.hear))
        await self.say(b"hi", once="p1:7")
        await self.say(b"hi", once="p1:7")
        await self.say(b"fence")
        await self.done(heard.upto(2))
        self.assertEqual(heard.bodies, [b"hi", b"fence"])

    async def test_after_neglect_nothing_is_heard(self) -> None:
        heard = Heard()
        await self.done(self.broker.attend("algebra", heard.hear))
        await self.say(b"one")
        await self.done(heard.upto(1))
        under_way = self.broker.publish("algebra", b"two", under=None)
        self.broker.neglect("algebra")
        self.broker.neglect("nowhere")
        await self.done(under_way)
        await self.say(b"three")
        fence = Heard()
        await self.done(self.broker.attend("botany", fence.hear))
        await self.say(b"fence", room="botany")
        await self.done(fence.upto(1))
        self.assertEqual(heard.bodies, [b"one"])

    async def test_a_look_is_as_new_as_what_was_heard(self) -> None:
        newer = Heard()

        def told(look: Look, position: Position) -> None:
            newer.hear(position, look.last.seq >= position.seq)

        def hear(position: Position, body: bytes) -> None:
            self.broker.read("algebra").addCallback(told, position)

        await self.done(self.broker.attend("algebra", hear))
        for each in range(5):
            await self.say(b"%d" % each)
        await self.done(newer.upto(5))
        self.assertEqual(newer.bodies, [True] * 5)

    async def test_one_who_fails_to_hear_takes_nothing_from_others(self) -> None:
        failed: Deferred[None] = Deferred()

        def hear(position: Position, body: bytes) -> None:
            failed.callback(None)
            raise RuntimeError("a mistake")

        heard = Heard()
        await self.done(self.broker.attend("algebra", hear))
        await self.done(self.broker.attend("botany", heard.hear))
        self.assertEqual((await self.say(b"one")).seq, 1)
        await self.say(b"two", room="botany")
        await self.done(failed)
        # It may be the last to be told: its mistake is noted once it has returned.
        await self.say(b"three", room="botany")
        await self.done(heard.upto(2))
        self.assertEqual(heard.bodies, [b"two", b"three"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_a_look_after_a_stale_ask_shows_what_made_it_so(self) -> None:
        law = self.broker.publish("algebra", b"law", under=None, key="settings", ruling=True)
        late = self.broker.publish("algebra", b"late", under=None)
        with self.assertRaises(Stale):
            await self.done(late)
        look = await self.look()
        self.assertEqual(look.law, await self.done(law))
