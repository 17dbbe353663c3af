"""Letters that come back, as mail servers of several kinds write them: invented, for tests."""

from __future__ import annotations

from broadsheet.delivery.links import Links

LINKS = Links("https://papers.example.org", "ab" * 32, "returns@example.org")
HANDLE = "abcdefghijklmnop"
DIGEST = 4711


def bounce_address(links: Links = LINKS, handle: str = HANDLE, digest: int = DIGEST) -> str:
    """Return where bounces of a digest come to."""
    return links.bounce(handle, digest)


def report(
    *recipients: str,
    to: str = "",
    text: str = "It could not be delivered.",
    returned: str = "Subject: Papers\n",
    kind: str = "delivery-status",
) -> bytes:
    """Return a report (RFC 3464, or with another `kind` RFC 5965): of each recipient its fields."""
    fields = "\n\n".join(("Reporting-MTA: dns; mx.example.net", *recipients))
    if kind == "feedback-report":
        fields = "\n".join(recipients)
    return (
        f"Return-Path: <>\nDelivered-To: {to or bounce_address()}\n"
        "From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\n"
        f"To: {to or bounce_address()}\nSubject: Undelivered Mail\nAuto-Submitted: auto-replied\n"
        f'Content-Type: multipart/report; report-type={kind};\n\tboundary="=_b/1"\n\n'
        f"This is a MIME message.\n\n--=_b/1\nContent-Type: text/plain; charset=utf-8\n\n{text}\n\n"
        f"--=_b/1\nContent-Type: message/{kind}\n\n{fields}\n\n"
        f"--=_b/1\nContent-Type: message/rfc822\n\n{returned}\n\n--=_b/1--\n"
    ).encode()


def failed(status: str, said: str = "", action: str = "failed") -> str:
    """Return the fields of one recipient."""
    told = f"\nDiagnostic-Code: smtp; {said}" if said else ""
    return f"Final-Recipient: rfc822; ada@example.net\nAction: {action}\nStatus: {status}{told}"


def complaint(*, to: str = "complaints@example.org", about: str = "", kind: str = "abuse") -> bytes:
    """Return a complaint (RFC 5965) about a digest that has the headers `about`."""
    fields = f"Feedback-Type: {kind}\nUser-Agent: Feedback/1\nVersion: 1"
    return report(fields, to=to, text="A complaint.", returned=about, kind="feedback-report")


def plain(text: str, sender: str = "MAILER-DAEMON@mx.example.net", **headers: str) -> bytes:
    """Return a letter in plain text, from a mail server or from a person."""
    more = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    to = "" if "To" in headers else f"To: {bounce_address()}\n"
    return f"From: {sender}\n{to}{more}Subject: failure notice\n\n{text}\n".encode()


QMAIL = """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.net>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Subject: Papers

A paper about status 4.4.2.
"""
EXCHANGE = """Delivery has failed to these recipients or groups:

ada@example.net
The email address you entered couldn't be found.

Diagnostic information for administrators:
Generating server: mx.example.net
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found'
"""
