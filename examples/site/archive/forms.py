"""What people type."""

from contextlib import suppress

from django import forms

from meet import names
from meet.errors import Refused, Unavailable
from meet.rasputin.publishing import live_room

LIVES = [("1", "1 hour"), ("2", "2 hours"), ("8", "8 hours"), ("24", "1 day"), ("168", "1 week")]


class OpenForm(forms.Form):
    """A new room."""

    name = forms.CharField(
        max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "algebra"})
    )
    title = forms.CharField(max_length=80, required=False)
    hours = forms.ChoiceField(choices=LIVES, initial="2", label="Open for")
    listed = forms.BooleanField(required=False, label="Show it on the front page and in the archive")

    def clean_name(self):
        """The name as the room will have it."""
        try:
            name = names.room_name(self.cleaned_data["name"])
        except Refused as refused:
            raise forms.ValidationError(refused.detail) from None
        with suppress(Unavailable):
            # Two may ask at once: Meet has the last word when it is opened.
            if live_room(name).exists:
                raise forms.ValidationError(f"There is a room called {name}. Take another name.")
        return name


class SearchForm(forms.Form):
    """Words to find."""

    q = forms.CharField(max_length=100, required=False, label="Find")
