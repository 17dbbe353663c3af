"""How the tests of the polite client ask, and the plain answer."""

from __future__ import annotations

from broadsheet.sources.polite import Manner
from loopback import xml

MANNER = Manner("papers.test", gap_s=3, timeout_s=60)
FAIR = xml("<feed/>")
