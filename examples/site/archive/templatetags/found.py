"""Marks what was searched for."""

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import mark_safe

register = template.Library()


@register.filter
def mark(text, words):
    """``text`` with each of ``words`` marked."""
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    pieces, at = [], 0
    for match in pattern.finditer(text):
        pieces += [escape(text[at : match.start()]), "<mark>", escape(match[0]), "</mark>"]
        at = match.end()
    # Every piece of the text is escaped.
    return mark_safe("".join([*pieces, escape(text[at:])]))
