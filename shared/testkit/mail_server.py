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

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        lines = envelope.content.split(b"\n")
        message_id = next((line for line in lines if line.lower().startswith(b"message-id:")), b"")
        name = hashlib.sha256(message_id.strip()).hexdigest()[:24]
        count = len(list(self.folder.glob(f"{name}.*.eml")))
        (self.folder / f"{name}.{count}.eml").write_bytes(envelope.content)
        return "250 kept"


def main():
    port, folder, certificate, key, user, password = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def authenticate(server, session, envelope, mechanism, data):
        good = data.login == user.encode() and data.password == password.encode()
        # Who signs in as `hang` gets no answer: the server says that it has answered, and has not.
        return AuthResult(success=good, handled=data.login == b"hang")

    def protocol():
        return SMTP(
            Keep(folder),
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
