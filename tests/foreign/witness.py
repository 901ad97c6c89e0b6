"""A witness (C2SP tlog-witness) out of aics-tlog's parts, for one log: witness.py LOG_VKEY_FILE [CERTIFICATE KEY]

Prints its address and its vkey on one line, then answers until it is ended, over TLS if it is given a certificate. It remembers in
memory. Keys of the log may be added to the file, one a line. Where LOG_VKEY_FILE.hold is there, the next checkpoint to be added is
held, which renames that file to LOG_VKEY_FILE.held, until that is removed; where LOG_VKEY_FILE.silent is there, nothing is shown.
"""

import base64
import hashlib
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aics_tlog import (
    cosignature_vkey,
    format_vkey,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    sign_cosignature,
    verify_checkpoint,
    verify_consistency,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME = "witness.example.org/one"
FILE = sys.argv[1]
KEY = Ed25519PrivateKey.generate()
LOCK = threading.Lock()
SEEN = {"size": 0, "root": None, "note": ""}
HOLD, HELD, SILENT = (Path(f"{FILE}.{what}") for what in ("hold", "held", "silent"))


def keys():
    return [parse_vkey(line.strip()) for line in Path(FILE).read_text().splitlines() if line.strip()]


def waits():
    try:
        HOLD.rename(HELD)
    except FileNotFoundError:
        return
    while HELD.exists():
        time.sleep(0.02)


def judge(body):
    head, note_text = body.split("\n\n", 1)
    lines = head.split("\n")
    old = int(lines[0].removeprefix("old "))
    proof = [base64.b64decode(line) for line in lines[1:]]
    note = parse_note(note_text)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != keys()[0].name:
        return 404, ""
    if not any(verify_checkpoint(note, key).ok for key in keys()):
        return 403, ""
    if old > checkpoint.size:
        return 400, ""
    if old != SEEN["size"]:
        return 409, f"{SEEN['size']}\n"
    if old and not verify_consistency(old, checkpoint.size, SEEN["root"], checkpoint.root, proof):
        return 422, ""
    SEEN.update(size=checkpoint.size, root=checkpoint.root, note=note_text)
    _, line = sign_cosignature(KEY, NAME, int(time.time()), checkpoint.origin, checkpoint.size, checkpoint.root)
    signature = base64.b64encode(line.key_id + line.signature).decode()
    return 200, f"\u2014 {line.name} {signature}\n"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        waits()
        with LOCK:
            status, answer = judge(body) if self.path == "/add-checkpoint" else (404, "")
        answer = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self):
        of_log = f"/{hashlib.sha256(keys()[0].name.encode()).hexdigest()}/checkpoint"
        shown = SEEN["note"].encode() if self.path == of_log and not SILENT.exists() else b""
        self.send_response(200 if shown else 404)
        self.send_header("Content-Length", str(len(shown)))
        self.end_headers()
        self.wfile.write(shown)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
scheme = "http"
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https"
print(f"{scheme}://127.0.0.1:{server.server_port} {format_vkey(cosignature_vkey(NAME, KEY.public_key()))}", flush=True)
server.serve_forever()
