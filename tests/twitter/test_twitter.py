"""The source before a server that behaves like X, on good days and on bad ones."""

from __future__ import annotations

import json
from types import MappingProxyType

from zope.interface.verify import verifyObject

from meet.interfaces import ISource
from meet.moments import DAY
from meet.twitter.stream import SILENCE
from meet.twitter.twitter import FLOWS, OVER, PAUSED
from tests.flow import START
from tests.standins.twitter import PROBLEMS
from tests.twitter.case import TwitterCase, turn

TAGGED = "#pycon -is:retweet"


class Following(TwitterCase):
    async def test_it_is_a_source_that_costs(self) -> None:
        self.assertTrue(verifyObject(ISource, self.source))
        self.assertEqual((self.source.name, self.source.costs), ("twitter", True))

    async def test_nothing_is_connected_while_nothing_is_followed(self) -> None:
        self.start()
        for _ in range(20):
            await turn()
        self.assertEqual(self.x.asked, [])

    async def test_a_post_comes_with_the_words_that_it_has(self) -> None:
        await self.stream("#pycon", "#python", "@ann")
        self.x.tell("See you at #PyCon")
        self.x.tell("of no rule", "bob")
        self.x.tell("both #pycon #python", "bob")
        await self.until(lambda: len(self.audience.told) == 2)
        (first, words), (second, both) = self.audience.told
        self.assertEqual((first.text, first.name, first.handle), ("See you at #PyCon", "Ann", "ann"))
        self.assertEqual(first.link, f"https://x.com/ann/status/{first.id}")
        self.assertEqual(words, {"#pycon", "@ann"})
        self.assertEqual((second.handle, both), ("bob", {"#pycon", "#python"}))

    async def test_rules_of_others_are_left_alone_and_their_posts_not_told(self) -> None:
        foreign = self.x.add_rule("#cats", "somebody-else")
        old = self.x.add_rule("#old -is:retweet", "meet")
        await self.stream("#pycon")
        await self.until(lambda: old not in self.x.rules)
        self.x.tell("#cats!")
        self.x.tell("#pycon!")
        await self.until(lambda: self.audience.told)
        self.assertEqual(self.audience.texts, ["#pycon!"])
        self.assertIn(foreign, self.x.rules)

    async def test_what_is_there_already_is_not_asked_for_again(self) -> None:
        kept = self.x.add_rule(TAGGED, "meet")
        await self.stream("#pycon")
        self.assertEqual(list(self.x.rules), [kept])
        self.assertNotIn("POST /2/tweets/search/stream/rules", self.x.asked)

    async def test_words_change_while_the_stream_stays(self) -> None:
        await self.stream("#pycon")
        self.source.follow(["#python"])
        self.source.follow(["#python", "#django"])
        await self.wait(lambda: {rule["value"][:7] for rule in self.x.rules.values()} == {"#python", "#django"})
        self.x.tell("no more #pycon")
        self.x.tell("#django now")
        await self.until(lambda: self.audience.told)
        self.assertEqual(self.audience.texts, ["#django now"])
        self.assertEqual(self.x.opened, 1)

    async def test_the_last_word_ends_the_stream_and_the_next_begins_it_again(self) -> None:
        await self.stream("#pycon")
        self.source.follow([])
        await self.wait(lambda: not self.x.connected and not self.x.rules)
        self.source.follow(["#pycon"])
        await self.wait(lambda: self.x.connected)
        self.assertEqual(self.x.opened, 2)

    async def test_a_rule_that_x_has_under_another_tag_tells_as_well(self) -> None:
        self.x.answer_next("/rules", 200, {"meta": {}})
        self.x.add_rule(TAGGED, "somebody-else")
        await self.stream("#pycon")
        self.x.tell("#pycon")
        await self.until(lambda: self.audience.told)
        self.assertEqual(self.audience.refusals, {})

    async def test_a_rule_that_x_refuses_is_told_to_the_hosts_once(self) -> None:
        self.x.refuses = lambda value: "That word is too common." if "#the" in value else ""
        await self.stream("#pycon", "#the")
        self.assertEqual(self.audience.refusals, {"#the": "X does not take this: That word is too common."})
        self.source.follow(["#pycon", "#the", "#python"])
        await self.wait(lambda: len(self.x.rules) == 2)

    async def test_what_cannot_be_on_x_is_told_and_costs_the_others_nothing(self) -> None:
        await self.stream("#pycon", "@ann@example.social")
        self.assertEqual(
            self.audience.refusals,
            {
                "@ann@example.social": "On X a name has up to 15 letters, digits and underscores, without a server: "
                "@ann@example.social is not there."
            },
        )

    async def test_a_stop_tells_no_more_and_leaves_the_rules_to_the_next(self) -> None:
        await self.stream("#pycon")
        self.x.tell("#pycon")
        await self.source.stop()
        await self.until(lambda: not self.x.connected)
        self.assertEqual(self.audience.told, [])
        self.assertEqual(len(self.x.rules), 1)

    async def test_it_can_be_stopped_while_it_connects_and_started_again(self) -> None:
        self.start("#pycon")
        await self.source.stop()
        self.source.start(self.audience, START)
        await self.until(lambda: self.x.connected)


class FewRules(TwitterCase):
    settings = MappingProxyType({"rules": "2"})
    most = 2

    async def test_words_share_the_rules_that_there_are(self) -> None:
        words = [f"#word{number}" for number in range(40)]
        await self.stream(*words)
        self.assertLessEqual(len(self.x.rules), 2)
        self.x.tell("the #word39")
        await self.until(lambda: self.audience.told)
        self.assertEqual(self.audience.told[0][1], {"#word39"})

    async def test_who_comes_too_late_is_told_and_the_first_stay(self) -> None:
        first = [f"#{'a' * 90}{number:03}" for number in range(18)]
        await self.stream(*first)
        self.source.follow([*first, *(f"#{'b' * 90}{number:03}" for number in range(10))])
        await self.wait(lambda: self.audience.refusals)
        self.assertTrue(all(word.startswith("#b") for word in self.audience.refusals))
        self.assertIn("All rules that Meet has with X (2) are taken", next(iter(self.audience.refusals.values())))


class BadDays(TwitterCase):
    async def again(self) -> None:
        """Let the wait pass, and have the next stream."""
        await self.until(lambda: not self.x.connected)
        await self.wait(lambda: self.x.connected)

    async def test_bytes_split_anywhere_signs_of_life_and_rubbish_lose_nothing(self) -> None:
        await self.stream("#pycon")
        lines = [self.x.post(f"#pycon {number} – 👩‍🏫") for number in range(5)]
        rubbish = [b"{", b"\xff\xfe\x00", b"null", b'{"data": {"id": 7}}', b'{"x": 1}', b"[" * 9999, b'"\\ud800"']
        whole = b"\r\n".join(
            part
            for line, bad in zip(lines, [*rubbish][:5], strict=True)
            for part in (json.dumps(line).encode(), bad, b"")
        )
        whole += b"\r\n" + b"\r\n".join(rubbish) + b"\r\n"
        for start in range(0, len(whole), 7):
            self.x.write(whole[start : start + 7])
            if start % 70 == 0:
                await turn()
        await self.until(lambda: len(self.audience.told) == 5)
        self.assertEqual(self.audience.texts, [f"#pycon {number} – 👩‍🏫" for number in range(5)])
        self.assertEqual(self.x.opened, 1)

    async def test_a_line_without_end_costs_itself_alone(self) -> None:
        await self.stream("#pycon")
        self.x.line(self.x.post("#pycon " + "x" * 2**21))
        self.x.tell("#pycon after it")
        await self.until(lambda: self.audience.told)
        self.assertEqual(self.audience.texts, ["#pycon after it"])

    async def test_a_flood_is_told_whole_and_in_order(self) -> None:
        await self.stream("#pycon")
        for number in range(2500):
            self.x.tell(f"#pycon {number}")
        await self.until(lambda: len(self.audience.told) == 2500)
        self.assertEqual(self.audience.texts, [f"#pycon {number}" for number in range(2500)])

    async def test_a_post_that_comes_twice_is_told_once(self) -> None:
        await self.stream("#pycon")
        line = self.x.post("#pycon")
        self.x.line(line)
        self.x.line(line)
        self.x.finish()
        await self.again()
        self.x.line(line)
        await self.settled()
        self.assertEqual(self.audience.texts, ["#pycon"])

    async def test_an_edit_takes_the_place_of_what_was_and_never_goes_back(self) -> None:
        await self.stream("#pycon")
        old, new = self.x.post("#pycon is in Mya"), self.x.post("#pycon is in May")
        history = [old["data"]["id"], new["data"]["id"]]
        new["data"]["edit_history_tweet_ids"] = history
        self.x.line(new)
        self.x.line(old)
        await self.settled()
        self.assertEqual([(post.id, post.was) for post, _ in self.audience.told], [(history[1], history[0])])

    async def test_compressed_bytes_that_nobody_asked_for_are_understood(self) -> None:
        self.x.gzip = True
        await self.stream("#pycon")
        self.x.tell("#pycon")
        await self.until(lambda: self.audience.told)
        self.assertEqual({each.get("accept-encoding") for each in self.x.headers}, {"identity"})

    async def test_silence_is_death_and_life_is_not(self) -> None:
        await self.stream("#pycon")
        for _ in range(3):
            self.clock.advance(SILENCE - 1)
            self.x.alive()
            self.x.tell("#pycon")
            told = len(self.audience.told)
            await self.until(lambda told=told: len(self.audience.told) > told)
        self.assertEqual(self.x.opened, 1)
        self.clock.advance(SILENCE)
        await self.wait(lambda: self.x.opened == 2)
        self.assertEqual(self.audience.flows, [(True, FLOWS)])

    async def test_the_old_stream_is_closed_before_the_next_is_asked_for(self) -> None:
        await self.stream("#pycon")
        self.x.disconnect(detail="This stream has been disconnected for operational reasons.")
        await self.wait(lambda: self.x.opened == 2)
        # The stand-in takes one connection: it would have been refused with 429.
        self.assertEqual(sum(each.startswith("DELETE") for each in self.x.asked), 0)
        self.assertEqual(sum(each == "GET /2/tweets/search/stream" for each in self.x.asked), 2)

    async def test_what_came_before_a_break_is_told(self) -> None:
        await self.stream("#pycon")
        for number in range(200):
            self.x.tell(f"#pycon {number}")
        self.x.finish()
        await self.until(lambda: len(self.audience.told) == 200)
        await self.wait(lambda: self.x.opened == 2)
        self.x.cut()
        await self.again()
        self.assertEqual(self.x.opened, 3)

    async def test_x_away_for_a_while(self) -> None:
        for _ in range(3):
            self.x.answer_next("/stream", 503, b"<html>Over capacity</html>")
        self.start("#pycon")
        await self.until(lambda: self.audience.flows)
        self.assertEqual(self.audience.flows, [(False, PAUSED)])
        await self.again()
        await self.until(lambda: self.flows)
        # 5, 10 and 20 seconds, and a quarter more at most.
        self.assertTrue(35 <= self.clock.seconds() - START <= 50, self.clock.seconds() - START)

    async def test_a_limit_is_waited_out(self) -> None:
        self.x.answer_next("/stream", 429, {"title": "Too Many Requests"}, x_rate_limit_reset=str(int(START) + 600))
        self.start("#pycon")
        await self.again()
        self.assertTrue(600 <= self.clock.seconds() - START <= 760)
        self.assertEqual(self.x.opened, 1)

    async def test_a_dead_connection_that_x_takes_for_alive_is_freed(self) -> None:
        self.x.haunted = True
        self.start("#pycon")
        await self.again()
        self.assertIn("DELETE /2/connections/filtered_stream", self.x.asked)
        self.assertLess(self.clock.seconds() - START, 10)

    async def test_somebody_else_with_the_same_app_is_not_fought(self) -> None:
        crowded = {"title": "ConnectionException", "connection_issue": "TooManyConnections"}
        for _ in range(3):
            self.x.answer_next("/stream", 429, crowded)
        self.start("#pycon")
        await self.again()
        self.assertEqual(sum(each.startswith("DELETE") for each in self.x.asked), 1)
        self.assertGreater(self.clock.seconds() - START, 60 + 120)

    async def test_a_crowd_that_the_stream_tells_of(self) -> None:
        await self.stream("#pycon")
        self.x.disconnect("ConnectionException", connection_issue="TooManyConnections")
        await self.again()
        self.assertIn("DELETE /2/connections/filtered_stream", self.x.asked)

    async def test_rules_that_somebody_deleted_are_made_again(self) -> None:
        await self.stream("#pycon")
        self.x.rules.clear()
        self.x.finish()
        await self.again()
        self.assertEqual([rule["value"] for rule in self.x.rules.values()], [TAGGED])

    async def test_rules_that_cannot_be_changed_yet_are_tried_again(self) -> None:
        self.x.answer_next("/rules", 503)
        self.x.answer_next("/rules", 429, {"title": "Too Many Requests"})
        self.start("#pycon")
        await self.again()
        self.assertEqual(self.audience.flows[0], (False, PAUSED))
        await self.until(lambda: self.flows)

    async def test_nobody_at_that_address(self) -> None:
        await self.port.stopListening()
        self.start("#pycon")
        await self.until(lambda: self.audience.flows or self.clock.advance(0.3))
        self.assertEqual(self.audience.flows, [(False, PAUSED)])
        self.assertTrue(any("X cannot be reached at http://127.0.0.1" in each for each in self.logged))


class Revoked(TwitterCase):
    async def ended(self, sentence: str) -> None:
        await self.until(lambda: self.audience.flows and self.audience.flows[-1] == (False, OVER))
        said = [each for each in self.logged if "Posts from X do not come any more" in each]
        self.assertEqual(len(said), 1)
        self.assertIn(sentence, said[0])
        asked = len(self.x.asked)
        self.source.follow(["#python"])
        self.clock.advance(3600)
        for _ in range(20):
            await turn()
        self.assertEqual(len(self.x.asked), asked)

    async def test_a_token_that_never_was_ends_with_a_sentence(self) -> None:
        self.x.token = "another"
        self.start("#pycon")
        await self.ended("X does not take the bearer token. Make a new one for the app and start Meet again.")

    async def test_a_token_revoked_while_it_runs(self) -> None:
        await self.stream("#pycon")
        self.x.token = "another"
        self.x.cut()
        await self.ended("X does not take the bearer token.")

    async def test_a_new_token_is_found_by_whoever_begins_to_follow_next(self) -> None:
        await self.stream("#pycon")
        self.x.token = "another"
        self.x.cut()
        await self.ended("X does not take the bearer token.")
        self.token.write_text("another\n")
        await self.source.stop()
        await self.stream("#pycon")

    async def test_a_token_that_cannot_be_read_any_more_leaves_the_old_one(self) -> None:
        self.token.unlink()
        await self.stream("#pycon")
        self.assertTrue(any("cannot be read" in each and "The one of before is used." in each for each in self.logged))

    async def test_a_plan_without_the_stream(self) -> None:
        self.x.answer_next("/stream", 403, {"title": "Client Forbidden", "detail": "Your plan has no stream."})
        self.start("#pycon")
        await self.ended("X does not let this app have the stream. Look at its plan, then start Meet again.")
        self.assertTrue(any("It says: Your plan has no stream." in each for each in self.logged))


class LookingAgain(TwitterCase):
    settings = MappingProxyType({"look-again": "10"})

    async def test_what_was_deleted_is_withdrawn_once(self) -> None:
        await self.stream("#pycon")
        gone, stays = self.x.tell("#pycon gone"), self.x.tell("#pycon stays")
        await self.until(lambda: len(self.audience.told) == 2)
        del self.x.posts[gone]
        await self.look()
        await self.until(lambda: self.audience.gone)
        self.assertEqual(self.audience.gone, [{gone}])
        del self.x.posts[stays]
        await self.look()
        await self.until(lambda: len(self.audience.gone) == 2)
        self.assertEqual(self.audience.gone[1], {stays})

    async def test_an_old_post_is_not_asked_for(self) -> None:
        await self.stream("#pycon")
        self.x.tell("#pycon")
        await self.until(lambda: self.audience.told)
        self.source.follow([])
        await self.wait(lambda: not self.x.connected and not self.x.rules)
        self.clock.advance(DAY + 1)
        for _ in range(20):
            await turn()
        self.assertNotIn("GET /2/tweets", self.x.asked)

    async def test_a_plan_without_lookups_keeps_its_stream(self) -> None:
        await self.stream("#pycon")
        self.x.tell("#pycon")
        await self.until(lambda: self.audience.told)
        self.x.answer_next("/2/tweets", 403, {"title": "Forbidden", "type": PROBLEMS + "client-forbidden"})
        await self.look()
        await self.until(lambda: any("are looked up no more" in each for each in self.logged))
        self.assertTrue(self.x.connected)

    async def look(self) -> None:
        """Let the time to look come, with signs of life meanwhile."""
        asked = self.x.asked.count("GET /2/tweets")
        while self.x.asked.count("GET /2/tweets") == asked:
            self.clock.advance(20)
            self.x.alive()
            for _ in range(3):
                await turn()
