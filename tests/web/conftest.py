"""A small library of invented papers, and clients for its pages."""

from collections import Counter

import pytest
from fastapi.testclient import TestClient

from broadsheet.factory import open_library
from broadsheet.web.app import create_app
from web.invented import PAGE, RECORDS, now


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Return a library with every paper of `RECORDS`."""
    with open_library(tmp_path_factory.mktemp("home"), clock=now) as opened:
        for _ in opened.file(RECORDS, source="invented", page=PAGE, counts=Counter()):
            pass
        yield opened


@pytest.fixture(scope="session")
def app(library):
    """Return the application on the library, ten papers a page."""
    return create_app(library, page_size=10, clock=now)


@pytest.fixture
def client(app):
    """Return a client that follows no redirects."""
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def empty_client(tmp_path):
    """Return a client of an empty collection."""
    with open_library(tmp_path, clock=now) as opened:
        yield TestClient(create_app(opened, clock=now), follow_redirects=False)


@pytest.fixture
def kitchen(library):
    """Return the id of the paper that has everything."""
    return f"p{library.resolve('arxiv:2603.00001')}"
