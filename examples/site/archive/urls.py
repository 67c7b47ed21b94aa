"""The addresses of the pages."""

from django.urls import path

from archive import views

urlpatterns = [
    path("", views.home, name="home"),
    path("meet/archive/", views.archive, name="archive"),
    path("meet/archive/<int:pk>/", views.transcript, name="transcript"),
    path("meet/archive/<int:pk>.txt", views.download, {"kind": "txt"}, name="text"),
    path("meet/archive/<int:pk>.json", views.download, {"kind": "json"}, name="json"),
    path("meet/rooms/", views.mine, name="mine"),
    path("meet/rooms/open/", views.open_one, name="open"),
    path("meet/rooms/<int:pk>/close/", views.close_one, name="close"),
]
