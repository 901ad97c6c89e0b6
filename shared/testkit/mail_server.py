"""A real SMTP server for tests: aiosmtpd with STARTTLS and authentication required; each mail becomes a file."""

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
    port, folder, certificate, key, user, password = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def authenticate(server, session, envelope, mechanism, data):
        good = data.login == user.encode() and data.password == password.encode()
        # Who signs in as `hang` gets no answer: the server says that it has answered, and has not.
        return AuthResult(success=good, handled=data.login == b"hang")

    keep = Keep(folder)

    def protocol():
        return SMTP(
            keep,
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        )

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", int(port)))
    loop.run_until_complete(server.serve_forever())


main()
