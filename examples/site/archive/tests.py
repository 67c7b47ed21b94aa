"""The site without Meet: a bus in memory."""

from django.contrib.auth import get_user_model
from django.test import override_settings

from archive.models import HostedRoom
from meet.rasputin.models import Line, Outgoing, Room
from meet.rasputin.publishing import send_waiting
from meet.rasputin.testing import RasputinTestCase


class Pages(RasputinTestCase):
    def setUp(self):
        super().setUp()
        self.ann = get_user_model().objects.create_user("ann")
        self.client.force_login(self.ann)

    def post(self, path, **fields):
        with self.committed():
            return self.client.post(path, fields)

    def open_room(self, name="algebra", **fields):
        return self.post("/meet/rooms/open/", name=name, hours="2", **fields)

    def page(self, path, status=200):
        answer = self.client.get(path)
        self.assertEqual(answer.status_code, status)
        return answer.content.decode()

    def test_a_room_is_opened_and_appears(self):
        self.assertRedirects(self.open_room(title="Algebra", listed="on"), "/meet/rooms/")
        room = Room.objects.get()
        self.assertTrue(room.opened_by(HostedRoom.objects.get().host_key))
        self.assertIn("Algebra", self.page("/meet/rooms/"))
        self.client.logout()
        self.assertIn('href="/algebra"', self.page("/"))

    def test_what_is_said_can_be_read_found_and_downloaded(self):
        self.open_room(listed="on")
        self.said("algebra", "bob", "a <b>group</b> is a set")
        self.client.logout()
        pk = Room.objects.get().pk
        self.assertIn("a &lt;b&gt;group&lt;/b&gt; is a set", self.page(f"/meet/archive/{pk}/"))
        self.assertIn("<mark>GROUP</mark>".lower(), self.page("/meet/archive/?q=GROUP+set"))
        self.assertIn("Nothing found", self.page("/meet/archive/?q=ring"))
        self.assertIn("<bob> a <b>group</b> is a set\n", self.page(f"/meet/archive/{pk}.txt"))
        self.assertEqual(self.client.get(f"/meet/archive/{pk}.json").json()["lines"][0]["nick"], "bob")

    def test_a_room_that_is_not_listed_is_its_hosts_alone(self):
        self.open_room()
        self.said("algebra", "bob", "between us")
        pk = Room.objects.get().pk
        self.assertIn("between us", self.page(f"/meet/archive/{pk}/"))
        self.client.force_login(get_user_model().objects.create_user("eve"))
        self.page(f"/meet/archive/{pk}/", 404)
        self.page(f"/meet/archive/{pk}.txt", 404)
        self.assertNotIn("between us", self.page("/meet/archive/?q=between"))
        self.assertNotIn("algebra", self.page("/"))

    def test_rooms_that_others_open_in_meet_are_not_shown(self):
        self.open("botany", title="Botany")
        self.said("botany", "bob", "leaves")
        self.assertNotIn("otany", self.page("/"))
        self.assertNotIn("otany", self.page("/meet/archive/"))
        self.page(f"/meet/archive/{Room.objects.get().pk}/", 404)

    def test_a_host_closes_their_room_and_nobody_elses(self):
        self.open_room()
        hosted = HostedRoom.objects.get()
        self.client.force_login(get_user_model().objects.create_user("eve"))
        self.assertEqual(self.post(f"/meet/rooms/{hosted.pk}/close/").status_code, 404)
        self.client.force_login(self.ann)
        self.post(f"/meet/rooms/{hosted.pk}/close/")
        self.assertEqual(Room.objects.get().because, "host")

    def test_names_that_cannot_be_are_told(self):
        self.assertContains(self.open_room("?"), "1 to 40 letters", status_code=422)
        self.open("algebra")
        self.assertContains(self.open_room(), "There is a room called algebra", status_code=422)
        self.assertEqual((HostedRoom.objects.count(), Outgoing.objects.count()), (0, 0))

    @override_settings(OPEN_ROOMS_EACH=1)
    def test_a_host_has_so_many_rooms_open_at_once(self):
        self.open_room("one")
        self.assertContains(self.open_room("two"), "Close one first", status_code=422)
        self.post(f"/meet/rooms/{HostedRoom.objects.get().pk}/close/")
        self.assertRedirects(self.open_room("two"), "/meet/rooms/")

    def test_while_meet_is_away_a_room_waits(self):
        self.bus.away = True
        self.open_room()
        self.assertIn("on its way", self.page("/meet/rooms/"))
        self.bus.away = False
        send_waiting()
        self.deliver()
        self.assertNotIn("on its way", self.page("/meet/rooms/"))

    def test_what_meet_refuses_later_is_told(self):
        self.bus.away = True
        self.open_room()
        self.bus.away = False
        self.open("algebra")
        send_waiting()
        self.assertIn("A room called algebra is open", self.page("/meet/rooms/"))

    def test_what_meet_deletes_is_gone_here(self):
        self.open_room(listed="on")
        self.said("algebra", "bob", "hi")
        self.bus.drop("algebra")
        self.deliver()
        self.assertEqual([model.objects.count() for model in (Room, Line, HostedRoom)], [0, 0, 0])

    def test_whoever_has_no_account_opens_nothing(self):
        self.client.logout()
        self.assertRedirects(self.open_room(), "/meet/sign-in/?next=/meet/rooms/open/")
        self.assertIn("Hosts have an account", self.page("/meet/sign-in/"))

    def test_long_rooms_come_page_by_page(self):
        self.open_room(listed="on")
        room = Room.objects.get()
        Line.objects.bulk_create(
            Line(room=room, number=number, at=room.opened, by="p", nick="bob", via="web", text=f"line {number}.")
            for number in range(10, 320)
        )
        first = self.page(f"/meet/archive/{room.pk}/")
        self.assertIn("line 209.", first)
        self.assertNotIn("line 210.", first)
        self.assertIn("line 319.", self.page(f"/meet/archive/{room.pk}/?after=209"))
        self.assertIn("Older", self.page("/meet/archive/?q=line"))

    def test_the_admin_shows_them_without_their_keys(self):
        self.open_room()
        self.client.force_login(get_user_model().objects.create_superuser("root"))
        hosted = HostedRoom.objects.get()
        self.assertIn("algebra", self.page("/admin/archive/hostedroom/"))
        self.assertNotIn(hosted.host_key, self.page(f"/admin/archive/hostedroom/{hosted.pk}/change/"))
