"""A real SMTP server for tests: aiosmtpd with STARTTLS and authentication required; each mail becomes a file.

How it behaves otherwise is said by words behind its arguments (`plain`, `tls`, `no-login`), by files that a test lays beside the
mails while it runs (`hang`: no answer to any mail; `cut`: the connection ends when a recipient is named), and by how a recipient's
address begins."""

import asyncio
import hashlib
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keep:
    """Keeps each mail under the hash of its Message-ID and a count, so that a second one is seen."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if (self.folder.parent / "cut").exists():
            server.transport.abort()
            return "421 gone"
        if address.startswith("early-cut") and address not in self.seen:
            self.seen.add(address)
            server.transport.abort()
            return "421 gone"
        if address.startswith("grey") and address not in self.seen:
            self.seen.add(address)
            return f"450 4.2.0 <{address}>: Recipient address rejected: Greylisted, come back later"
        if address.startswith("always-grey"):
            return f"450 4.2.0 <{address}>: Recipient address rejected: Greylisted, come back later"
        if address.startswith("denied"):
            return f"550 5.7.1 <{address}>: Recipient address rejected: refused by a local policy"
        if address.startswith("closes"):
            server.transport.write(b"421 4.7.0 too many connections from you, closing\r\n")
            server.transport.close()
            return "421 gone"
        if address.startswith("members"):
            return "550 5.7.133 authentication required; the sender is not authenticated for this group"
        if address.startswith("nobody"):
            return "550 5.1.1 no such user here"
        if address.startswith("full"):
            return "552 5.2.2 mailbox full"
        if address.startswith("busy") and address not in self.seen:
            self.seen.add(address)
            return "451 4.3.0 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos[0]
        if (self.folder.parent / "hang").exists():
            await asyncio.sleep(3600)
        if to.startswith("policy"):
            return "554 5.7.1 not this"
        if to.startswith("slow") and to not in self.seen:
            self.seen.add(to)
            return "452 4.3.1 no room now"
        if to.startswith("hang"):
            await asyncio.sleep(3600)
        if to.startswith("cut") and to not in self.seen:
            self.seen.add(to)
            if to.startswith("cut-kept"):
                self.keep(envelope)
            server.transport.abort()
            return "421 gone"
        self.keep(envelope)
        return "250 kept"

    def keep(self, envelope):
        lines = envelope.content.split(b"\n")
        message_id = next((line for line in lines if line.lower().startswith(b"message-id:")), b"")
        name = hashlib.sha256(message_id.strip()).hexdigest()[:24]
        count = len(list(self.folder.glob(f"{name}.*.eml")))
        (self.folder / f"{name}.{count}.eml").write_bytes(envelope.content)
        # What the envelope says stands in no header.
        beside = self.folder.parent / "envelopes"
        beside.mkdir(exist_ok=True)
        said = f"{envelope.mail_from}\n{envelope.rcpt_tos[0]}\n{message_id.decode().split(':', 1)[-1].strip()}\n"
        (beside / f"{name}.{count}.txt").write_text(said)


def main():
    port, folder, certificate, key, user, password, *manners = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def authenticate(server, session, envelope, mechanism, data):
        good = data.login == user.encode() and data.password == password.encode()
        # Who signs in as `hang` gets no answer: the server says that it has answered, and has not.
        return AuthResult(success=good, handled=data.login == b"hang")

    keep = Keep(folder)

    plain, tls = "plain" in manners, "tls" in manners

    def protocol():
        with open(keep.folder.parent / "connections", "a") as connections:
            connections.write("one more\n")
        return SMTP(
            keep,
            hostname="localhost",
            tls_context=None if plain or tls else context,
            require_starttls=not (plain or tls),
            auth_required=not plain and "no-login" not in manners,
            auth_require_tls=not tls,
            auth_exclude_mechanism=["PLAIN", "LOGIN"] if "no-login" in manners else [],
            authenticator=authenticate,
        )

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", int(port), ssl=context if tls else None))
    loop.run_until_complete(server.serve_forever())


main()
