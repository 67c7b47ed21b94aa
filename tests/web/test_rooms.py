from meet.web.rooms import free_names
from tests.web.case import WebCase


class FreeNames(WebCase):
    async def test_they_are_free_and_names(self):
        await self.open("x" * 40)
        self.assertEqual(await free_names(self.house, "x" * 40), ["x" * 38 + "-2", "x" * 38 + "-3"])
        await self.open("x" * 38 + "-2")
        self.assertEqual(await free_names(self.house, "X" * 40), ["x" * 38 + "-3", "x" * 38 + "-4"])

    async def test_there_are_none_while_the_broker_is_away(self):
        await self.broker.stop()
        self.assertEqual(await free_names(self.house, "algebra"), [])
        await self.broker.start()
