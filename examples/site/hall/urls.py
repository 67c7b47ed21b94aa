"""Which address is which page; all others are Meet's, by nginx.conf."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

urlpatterns = [
    path("", include("archive.urls")),
    path("meet/sign-in/", auth.LoginView.as_view(), name="sign-in"),
    path("meet/sign-out/", auth.LogoutView.as_view(), name="sign-out"),
    path("admin/", admin.site.urls),
]
