"""The starter collection: what a machine without a network has to show.

Every paper of five saved "Daily Papers" pages, with a summary in our own words. Facts (authors,
year, ids, venue) stand where our data has them. `abstract_sketch` are hashes by which a record
that brings the abstract is known to be the same paper (`papers.identity.sketch`).
"""

from __future__ import annotations

from pathlib import Path

PAPERS = Path(__file__).with_name("papers.jsonl")
"""The collection as JSON Lines, in the form that `broadsheet import` reads."""
