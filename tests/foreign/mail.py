"""Reads mails with other people's tools: Python's email, icalendar and dkimpy. Prints one line a mail; ends with 1 if one is wrong."""

import base64
import email
import email.policy
import pathlib
import subprocess
import sys

import dkim
import icalendar

WANTED = ["From", "To", "Subject", "Date", "Message-ID", "Reply-To", "References", "Auto-Submitted", "DKIM-Signature"]


def public_key(path):
    der = subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-outform", "DER"], capture_output=True, check=True)
    return base64.b64encode(der.stdout).decode()


def entry(part):
    calendar = icalendar.Calendar.from_ical(part.get_content() if isinstance(part.get_content(), bytes) else part.get_content().encode())
    (event,) = calendar.walk("VEVENT")
    start, end = event.decoded("DTSTART"), event.decoded("DTEND")
    if calendar["METHOD"] != "PUBLISH" or (end - start).days != 1:
        raise ValueError("the entry is not published for one whole day")
    return f"{event['UID']} sequence {event['SEQUENCE']} on {start}"


def check(path, record):
    raw = path.read_bytes()
    message = email.message_from_bytes(raw, policy=email.policy.default)
    if message.defects:
        raise ValueError(f"defects: {message.defects}")
    for name in WANTED:
        if len(message.get_all(name, [])) != 1:
            raise ValueError(f"the header {name} is not there once")
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    if plain is None or html is None:
        raise ValueError("plain text or HTML is missing")
    address = next(line for line in plain.get_content().splitlines() if line.startswith("http"))
    if address not in html.get_content():
        raise ValueError("the HTML does not hold the link of the plain text")
    if not dkim.verify(raw, dnsfunc=lambda name, timeout=5: record):
        raise ValueError("the signature does not verify")
    signature = message["DKIM-Signature"].replace(" ", "").replace("\n", "")
    if "c=relaxed/relaxed" not in signature:
        raise ValueError("the signature is not relaxed/relaxed")
    if dkim.verify(raw.replace(address.encode(), b"https://elsewhere.example", 1), dnsfunc=lambda name, timeout=5: record):
        raise ValueError("an altered mail verifies")
    entries = [entry(part) for part in message.iter_attachments() if part.get_content_type() == "text/calendar"]
    return f"{message['Message-ID']} {message['Subject']!s} | {'; '.join(entries)}"


def main():
    folder, key = sys.argv[1:]
    record = f"v=DKIM1; k=rsa; p={public_key(key)}".encode()
    bad = 0
    for path in sorted(pathlib.Path(folder).glob("*.eml")):
        try:
            print("good:", check(path, record))
        except Exception as error:
            bad += 1
            print(f"BAD: {path.name}: {error}")
    sys.exit(1 if bad else 0)


main()
