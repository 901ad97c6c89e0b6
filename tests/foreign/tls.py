"""Speaks TLS and hands on what it hears, as a proxy before a server does: tls.py CERTIFICATE KEY PORT_FILE

PORT_FILE holds the port of the server behind. Prints its own port on one line, then hands on until it is ended.
"""

import socket
import ssl
import sys
import threading
from pathlib import Path

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
behind = int(Path(sys.argv[3]).read_text())


def pump(source, sink):
    try:
        while part := source.recv(65536):
            sink.sendall(part)
    except OSError:
        pass
    finally:
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def serve(plain):
    try:
        heard = context.wrap_socket(plain, server_side=True)
    except (ssl.SSLError, OSError):
        return
    server = socket.create_connection(("127.0.0.1", behind))
    threading.Thread(target=pump, args=(server, heard), daemon=True).start()
    pump(heard, server)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    plain, _ = listener.accept()
    threading.Thread(target=serve, args=(plain,), daemon=True).start()
