"""The decoder of a socket's messages against anything, without a socket."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from meet.interfaces import IListener
from meet.web.conversation import Conversation, Visit
from tests.web.case import ClockCase, read_frames

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
asks = st.fixed_dictionaries(
    {},
    optional={
        "ask": st.sampled_from(["say", "rename", "retitle", "extend", "close", "who", "beat"]) | json_values,
        **dict.fromkeys(("text", "ref", "nick", "title", "hours", "ends"), json_values),
    },
)


class Messages(ClockCase):
    changes = (("commands-per-connection", 0), ("says-per-participant", 0))

    def begin(self, visit):
        self.heard = []
        self.closed = []
        self.paused = []
        conversation = Conversation(self.house, visit, self.heard.append, self.closed.append, self.paused.append)
        conversation.begin()
        self.clock.pump([0, 0, 0, 0])
        return conversation

    def told(self):
        return [json.loads(each.data) for each in read_frames(b"".join(self.heard))]

    def open(self, name="algebra"):
        opening = self.house.sessions.open(name, address="", ends=self.clock.seconds() + 3600)
        self.clock.pump([0, 0, 0])
        self.successResultOf(opening)

    def visit(self, nick="ann", room="algebra"):
        return Visit(room=room, address="", nick=nick, token="", host_key="", after=None)

    def test_it_is_a_listener(self):
        self.open()
        self.assertTrue(verifyObject(IListener, self.begin(self.visit())))

    def test_a_connection_lost_while_coming_in_leaves_only_the_grace(self):
        self.open()
        house = self.house
        self.heard, self.closed, self.paused = [], [], []
        conversation = Conversation(house, self.visit(), self.heard.append, self.closed.append, self.paused.append)
        conversation.begin()
        conversation.gone()
        self.clock.pump([0, 0, 0])
        self.assertEqual((self.heard, self.closed), ([], []))
        self.assertEqual(len(house.sessions), 1)
        self.clock.pump([self.limits.session_grace, 0, 0, 0])
        self.assertEqual(len(house.sessions), 0)

    def test_what_waits_while_coming_in_is_bounded(self):
        self.heard, self.closed, self.paused = [], [], []
        conversation = Conversation(self.house, self.visit(), self.heard.append, self.closed.append, self.paused.append)
        conversation.begin()
        for _ in range(4097):
            conversation.take(b'{"ask":"beat"}')
        self.assertEqual([each.name for each in self.closed], ["too-fast"])
        self.clock.pump([0, 0, 0])
        self.assertEqual([each["kind"] for each in self.told()], ["goodbye"])

    def test_who_sends_fast_is_slowed_and_not_refused(self):
        self.open()
        conversation = self.begin(self.visit())
        for number in range(500):
            conversation.take(b'{"ask":"say","text":"%d"}' % number)
        self.assertEqual(self.paused, [True])
        for _ in range(100):
            self.clock.pump([0] * 10)
        self.assertEqual(self.paused, [True, False])
        texts = [each[1]["text"] for each in self.told() if isinstance(each, list)]
        self.assertEqual(texts, [str(number) for number in range(500)])

    @settings(max_examples=200)
    @given(
        st.lists(
            st.binary(max_size=60) | (asks | json_values).map(lambda value: json.dumps(value).encode()), max_size=8
        )
    )
    def test_any_messages_are_answered_and_nothing_breaks(self, messages):
        house = self.house
        if not self.clock.getDelayedCalls() and not len(house.sessions):
            self.open()
        conversation = self.begin(self.visit(nick=""))
        for message in messages:
            conversation.take(message)
        self.clock.pump([0, 0, 0])
        answers = self.told()[1:]
        self.assertEqual(len(answers), len(messages))
        for answer in answers:
            self.assertIn(answer["kind"], ("refused", "beat", "who"))
        conversation.gone()
        self.assertEqual(self.flushLoggedErrors(), [])
