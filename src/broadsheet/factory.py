"""Builds a Library from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from broadsheet import config
from broadsheet.collection.database import Database
from broadsheet.errors import ConfigError, StoreError
from broadsheet.library import Clock, Library, utc_now
from broadsheet.readers.rules import PRIVATE, Rules
from broadsheet.search.embedded import EmbeddedIndex
from broadsheet.search.embedding import Embedder, StaticEmbedder
from broadsheet.search.feeding import UNASKED

if TYPE_CHECKING:
    from broadsheet.delivery.mail import Mailer
    from broadsheet.delivery.mailroom import Mailroom, Manner
    from broadsheet.harvest.newsroom import Newsroom
    from broadsheet.readers.accounts import Post
    from broadsheet.search.endpoint import Endpoint

DATABASE = "broadsheet.db"
INDEX = "index"
MODELS = "models"
"""The folder in a home with what was made of models that lie elsewhere."""


def load_config(flags: Mapping[str, Any], environ: Mapping[str, str]) -> config.Config:
    """Return the configuration, with the file that lies in the home that flags or environ name."""
    first = config.load(flags, environ)
    file = Path(first["home"].value) / config.FILE_NAME
    if not file.is_file():
        return first
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    return config.load(flags, environ, text, str(file))


def make_newsroom(
    settings: Mapping[str, Any], environ: Mapping[str, str], library: Library
) -> Newsroom:
    """Return the sources of a library as the file in its home sets them up.

    Raises ConfigError for a source or a setting of one that there is not.
    """
    # Reading, searching and importing files need none of this, and should not wait for it.
    from broadsheet.harvest.newsroom import Newsroom, Rules  # noqa: PLC0415
    from broadsheet.harvest.registry import Registry  # noqa: PLC0415

    file = Path(settings["home"]) / config.FILE_NAME
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    rules = Rules(
        contact=settings["contact"],
        state=settings["state"],
        minutes=settings["harvest_minutes"],
        papers=settings["enrich_papers"],
    )
    registry = Registry(config.source_tables(text, str(file)), environ, str(file))
    return Newsroom(library.database, registry, rules, library.keep_up, library.clock)


def make_post(
    settings: Mapping[str, Any], environ: Mapping[str, str], tell: Callable[[str], None]
) -> Post | None:
    """Return what sends letters as the settings say, None if nothing does.

    `tell` gets a sentence about each letter that could not be sent. Raises ConfigError where it is
    not said whom letters are from, or the password is missing.
    """
    mailer = make_mailer(settings, environ)
    if mailer is None:
        return None
    from broadsheet.delivery.mail import Outbox  # noqa: PLC0415

    return Outbox(mailer, tell)


def make_mailer(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Mailer | None:
    """Return what mail is handed to as the settings say, None if it is nothing.

    Raises ConfigError where it is not said whom letters are from, or the password is missing.
    """
    place, sender = str(settings["mail"]), str(settings["mail_from"])
    if not place:
        return None
    if not sender:
        raise ConfigError("mail_from is not set: letters are from somebody, as papers@example.org")
    from broadsheet.delivery.mail import mailer_of  # noqa: PLC0415

    needs = "mail" if urlsplit(place).username else ""
    return mailer_of(place, sender, _password(settings, environ, "mail_password_variable", needs))


def _password(
    settings: Mapping[str, Any], environ: Mapping[str, str], name: str, needs: str
) -> str:
    """Return the password in the variable that a setting names; `needs` is what cannot do without.

    Raises ConfigError if there is none where one is needed.
    """
    variable = str(settings[name])
    password = environ.get(variable, "").strip() if variable else ""
    if needs and not password:
        raise ConfigError(
            f"{needs} names a user, whose password is not in {variable or 'any variable'}"
        )
    return password


def make_mailroom(
    settings: Mapping[str, Any], environ: Mapping[str, str], library: Library
) -> Mailroom:
    """Return what goes out of a library, as the settings say; raises ConfigError."""
    # Reading and searching need none of this, and should not wait for it.
    from broadsheet.delivery.mailroom import Mailroom  # noqa: PLC0415
    from broadsheet.delivery.websub import Publisher, hub_of, topics  # noqa: PLC0415

    rules, manner = library.accounts.rules, _manner(settings, environ)
    hub = hub_of(settings["websub_hub"], rules)
    kept = Path(settings["home"]) / "websub.json"
    publisher = Publisher(hub, topics(rules.address), kept, library.clock) if hub else None
    # Where readers cannot follow a link, they could neither confirm nor unsubscribe.
    leads_back = not rules.is_shared or bool(rules.address)
    mailer = make_mailer(settings, environ) if leads_back else None
    return Mailroom(library.stock, rules, manner, mailer, publisher)


def _manner(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Manner:
    from broadsheet.delivery.mailroom import Manner  # noqa: PLC0415
    from broadsheet.delivery.message import MailRules  # noqa: PLC0415
    from broadsheet.delivery.pace import Limits  # noqa: PLC0415

    host = f"[{settings['host']}]" if ":" in settings["host"] else settings["host"]
    base = settings["address"] or f"http://{host}:{settings['port']}"
    needs = "mailbox" if settings["mailbox"] else ""
    return Manner(
        base=base,
        house=urlsplit(settings["address"]).hostname or "Broadsheet",
        mail=MailRules(settings["mail_from"], settings["dkim_key"], settings["dkim_selector"]),
        returns=settings["mail_return"],
        unknown=settings["mail_unknown"],
        pace=Limits(
            settings["mail_connections"],
            settings["mail_per_minute"],
            settings["mail_domain_connections"],
            settings["mail_domain_per_minute"],
        ),
        wait=timedelta(minutes=settings["digest_wait_minutes"]),
        hooks_inside=settings["hooks_inside"] == "on",
        mailbox=settings["mailbox"],
        mailbox_password=_password(settings, environ, "mailbox_password_variable", needs),
    )


def make_embedder(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Embedder:
    """Return the embedder that the values of the settings ask for; the key comes from `environ`.

    Raises EmbeddingError if the model of the package is damaged, and ConfigError if a key would
    travel unprotected.
    """
    kind, _, name = str(settings["embedder"]).partition(":")
    # Each is loaded only where it is chosen: the first search of a process waits for it.
    if kind == "transformers":
        from broadsheet.search.sentences import SentenceEmbedder  # noqa: PLC0415

        return SentenceEmbedder(name)
    if kind == "openai":
        from broadsheet.search.endpoint import EndpointEmbedder  # noqa: PLC0415

        return EndpointEmbedder(_endpoint(name, settings, environ))
    return StaticEmbedder.load()


def make_deep(settings: Mapping[str, Any]) -> Embedder | None:
    """Return the embedder of the deep tier that the settings ask for, None if it is off."""
    kind, _, name = str(settings["deep"]).partition(":")
    if kind == "onnx":
        from broadsheet.search.onnx import OnnxEmbedder  # noqa: PLC0415

        return OnnxEmbedder(Path(name))
    if not kind:
        return None
    from broadsheet.search.sentences import SentenceEmbedder  # noqa: PLC0415

    # One core, and soon done, so that a question has not to wait long for its turn.
    return SentenceEmbedder(name, threads=1, at_once=4)


def choose_deep(name: str, home: Path) -> str:
    """Return the value of the setting `deep` for the folder or name of a model, which is tried.

    A folder with a model in ONNX is run so, and another one is first made such a folder below
    `home` where that can be done here. Raises EmbeddingError if the model cannot be used.
    """
    kind, _, rest = name.partition(":")
    if kind in {"onnx", "transformers"} and rest:
        value = name
    else:
        folder = Path(name).expanduser()
        value = _kind_of(folder.absolute(), home) if folder.is_dir() else f"transformers:{name}"
    model = make_deep({"deep": value})
    if model is not None:
        model.query("Can it be used?")
    return value


def _kind_of(folder: Path, home: Path) -> str:
    from broadsheet.search import exporting, onnx  # noqa: PLC0415

    if onnx.model_file(folder) is not None:
        return f"onnx:{folder}"
    if not exporting.is_possible():
        return f"transformers:{folder}"
    return f"onnx:{exporting.export(folder, home / MODELS)}"


def _endpoint(name: str, settings: Mapping[str, Any], environ: Mapping[str, str]) -> Endpoint:
    url, variable = str(settings["embedder_url"]), str(settings["embedder_key_variable"])
    from broadsheet.search.endpoint import Endpoint  # noqa: PLC0415

    # The key of one place is never sent to another unless somebody says so.
    is_meant = variable != config.OPENAI_KEY or url == config.OPENAI
    key = environ.get(variable, "").strip() if is_meant else ""
    place = urlsplit(url)
    if key and place.scheme == "http" and place.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ConfigError(
            f"embedder_url is http://, so the key in {variable} would travel unprotected: use "
            "https://, or set embedder_key_variable to nothing if no key is needed"
        )
    return Endpoint(
        url,
        name,
        key,
        variable if is_meant else "",
        dimensions=settings["embedder_dimensions"],
        price=None if settings["embedder_price"] == "" else settings["embedder_price"],
        longest=settings["embedder_longest"],
        batch=settings["embedder_batch"],
        concurrency=settings["embedder_requests"],
        per_minute=settings["embedder_per_minute"],
        timeout_s=settings["embedder_timeout_s"],
    )


def open_library(
    home: Path,
    *,
    clock: Clock = utc_now,
    embedder: Embedder | None = None,
    deep: Embedder | None = None,
    deep_share: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
    wait: bool = True,
    unasked: int = UNASKED,
    upgrading: Callable[[str, int, int], None] | None = None,
    newsroom: Callable[[Library], Newsroom] | None = None,
    mailroom: Callable[[Library], Mailroom] | None = None,
    rules: Rules = PRIVATE,
    post: Post | None = None,
) -> Library:
    """Return the library in `home`, made if there is none, its index brought up to date.

    `progress` is told the changes done and the changes in all while the index catches up. Without
    `wait` the index catches up in a thread that follows the record until the library is closed.
    At most `unasked` papers are embedded with a slow or paid model right after they were filed.
    `deep` is the model of the deep tier, if there shall be one: whoever follows the record lets it
    work for `deep_share` of one core's time. A home of an earlier schema is upgraded after a
    backup, of which `upgrading` is told what is done and the bytes of it;
    `library.database.upgraded` says that it happened. `newsroom` makes its sources once they are
    needed; without it there are none to harvest. So does `mailroom` with what goes out. `rules` say
    who may come in, and do what; `post` sends letters to them, and is closed with the library.

    Raises StoreError if the home cannot be used and EmbeddingError if the model is damaged.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the home {home} cannot be made: {error.strerror}") from error
    embedder = embedder or StaticEmbedder.load()
    database = Database(home / DATABASE, clock=clock, progress=upgrading)
    try:
        index = EmbeddedIndex(home / INDEX, embedder, deep)
        library = Library(
            database,
            index,
            embedder,
            clock=clock,
            unasked=unasked,
            newsroom=newsroom,
            mailroom=mailroom,
            deep_share=deep_share,
            rules=rules,
            post=post,
        )
        if not wait:
            library.follow(progress=progress)
            return library
        for done, total in library.catch_up():
            if progress is not None:
                progress(done, total)
    except BaseException:
        database.close()
        raise
    return library
