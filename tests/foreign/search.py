"""Searches every file below a folder for words: its bytes, a mail's headers and parts as a reader sees them, what zip and tar
files and lines in base64 hold. Prints the files that hold them.   search.py FOLDER WORDS"""

import base64
import email
import email.policy
import io
import pathlib
import sys
import tarfile
import zipfile


def layers(name, data, depth=0):
    yield data
    if depth > 3:
        return
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as held:
            for member in held.namelist():
                yield member.encode()
                yield from layers(member, held.read(member), depth + 1)
    elif name.endswith(".tar"):
        with tarfile.open(fileobj=io.BytesIO(data)) as held:
            for member in held:
                yield member.name.encode()
                if member.isfile():
                    yield from layers(member.name, held.extractfile(member).read(), depth + 1)
    elif name.endswith(".eml"):
        mail = email.message_from_bytes(data, policy=email.policy.default)
        for part in mail.walk():
            for header, value in part.items():
                yield f"{header}: {value}".encode()
            yield part.get_payload(decode=True) or b""
    for line in data.split(b"\n") if len(data) < 1 << 20 else ():
        try:
            yield base64.b64decode(line, validate=True)
        except ValueError:
            pass


folder, words = pathlib.Path(sys.argv[1]), sys.argv[2].encode()
for path in sorted(folder.rglob("*")):
    if path.is_file() and any(words in layer for layer in layers(path.name, path.read_bytes())):
        print(path)
