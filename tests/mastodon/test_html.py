from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meet.mastodon.html import text

LINK = '<a href="https://example.org/a/long/way"><span class="invisible">https://</span><span>example.org/a</span></a>'
TAG = '<a href="https://x.example/tags/a" class="mention hashtag" rel="tag">#<span>PyCon</span></a>'
ANN = '<span class="h-card"><a href="https://x.example/@ann" class="u-url mention">@<span>ann</span></a></span>'


class Text(SynchronousTestCase):
    def test_what_is_read(self):
        for html, said in (
            ("<p>one</p><p>two<br>three<br/>four</p>", "one\n\ntwo\nthree\nfour"),
            (f"<p>{ANN} see {LINK} {TAG}</p>", "@ann see https://example.org/a/long/way #PyCon"),
            ("<p>a &amp; b &lt;c&gt; &#x1F30D; &nbsp;</p>", "a & b <c> 🌍"),
            ("plain  text\nwrapped", "plain text wrapped"),
            ("<ul><li>x</li><li>y</li></ul>", "• x\n• y"),
            ('<p class="quote-inline">RE: https://x.example/1</p><p>mine</p>', "mine"),
            ("<script>alert(1)</script><style>p{}</style>said", "said"),
            ("<pre>a\n b</pre>", "a\nb"),
            ('<a href="javascript:alert(1)">here</a>', "here"),
            ("<p>never closed <b>bold", "never closed bold"),
            ("</p></div>odd", "odd"),
            ("", ""),
        ):
            self.assertEqual(text(html), said, html)

    def test_however_deep(self):
        self.assertEqual(text("<div>" * 5000 + "deep" + "</div>" * 5000), "deep")

    @settings(max_examples=60)
    @given(st.text())
    def test_anything(self, html: str):
        text(html)

    @settings(max_examples=60)
    @given(
        st.lists(st.sampled_from(["<p>", "</p>", "<a href='https://x.org'>", "</a>", "<br>", "<li>", "x", "&", "<"]))
    )
    def test_any_elements(self, pieces: list[str]):
        self.assertNotIn("\n\n\n", text("".join(pieces)))
