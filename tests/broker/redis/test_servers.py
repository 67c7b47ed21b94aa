"""What a server's refusals mean to people."""

from __future__ import annotations

from twisted.internet.defer import FirstError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from txredisapi import ResponseError

from meet.broker.redis.servers import first_of, first_word, not_now
from meet.errors import Unavailable


def said(text: str) -> Failure:
    return Failure(ResponseError(text))


class RefusalTests(SynchronousTestCase):
    def test_what_may_be_asked_again_is_a_sentence(self) -> None:
        for text, words in (
            ("OOM command not allowed when used memory > 'maxmemory'. script: f3", "no memory left"),
            ("READONLY You can't write against a read only replica.", "changing its master"),
            ("LOADING Redis is loading the dataset in memory", "reading its files"),
            ("MISCONF Redis is configured to save RDB snapshots", "cannot write its files"),
            ("NOREPLICAS Not enough good replicas to write.", "too few copies"),
            ("CLUSTERDOWN Hash slot not served", "not whole"),
            ("TRYAGAIN Multiple keys request during rehashing of slot", "moving this room"),
        ):
            failure = not_now(said(text))
            assert failure.check(Unavailable) is not None, text
            sentence = str(failure.value)
            assert words in sentence, sentence
            assert sentence.endswith("."), sentence

    def test_what_redis_forbids_is_told_to_whoever_runs_it(self) -> None:
        failure = not_now(said("NOPERM User meet has no permissions to run the 'evalsha' command"))
        assert "whoever runs Redis has to allow it" in str(failure.value)

    def test_a_mistake_of_ours_stays_one(self) -> None:
        mistake = said("ERR wrong number of arguments for 'set' command")
        assert not_now(mistake) is mistake
        other = Failure(ValueError("OOM"))
        assert not_now(other) is other
        assert first_word(other) == ""

    def test_the_first_of_several_is_told_as_itself(self) -> None:
        inner = said("OOM")
        assert first_of(Failure(FirstError(inner, 0))) is inner
        assert first_of(inner) is inner
