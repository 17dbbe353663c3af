"""How tests read a page: as a browser does, strictly."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "img", "hr"}
TAGS = (
    "html head title meta link body a header form label input button main footer nav h1 h2 h3 p "
    "span bdi ul li article section aside details summary mark strong div dl dt dd code pre table "
    "caption thead tbody tr th td abbr q textarea"
)


_OWN = re.compile(r"\[\('src', '/static/broadsheet\.js\?v=\w+'\), \('defer', None\)\]")


class Reading(HTMLParser):
    """One page as a browser reads it; raises AssertionError if tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.links, self.words, self.attributes = [], [], [], [], set()
        self.forms, self.titles = [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        """Note a tag, its attributes and, of a link or a form, all of them.

        Our own script is a file of this server and is not noted; any other one is a tag.
        """
        if tag == "script" and _OWN.fullmatch(repr(attrs)):
            self.open.append(tag)
            return
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.titles |= {value for name, value in attrs if name == "title"}
        if tag not in VOID:
            self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attrs))
        if tag == "form":
            self.forms.append({**dict(attrs), "fields": {}})
        if tag == "input" and self.forms and "form" in self.open:
            named = dict(attrs)
            self.forms[-1]["fields"][named["name"]] = named.get("value", "")

    def handle_endtag(self, tag):
        """Insist that the innermost open tag is the one that closes."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Note the words."""
        self.words.append(data)

    @property
    def text(self):
        """The words of the page with single spaces."""
        return " ".join(" ".join(self.words).split())


def read(client, url, status=200):
    """Return the page at `url`, which has this status and a bounded size."""
    answer = client.get(url)
    assert answer.status_code == status
    assert len(answer.content) < 100_000
    return Reading(answer.text)
