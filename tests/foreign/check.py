"""Checks exports and receipts of Rondo with tools that its makers did not write: aics-tlog and dnsid.

    check.py export FOLDER VKEY            every tile and every entry of an export, with aics-tlog
    check.py receipt PROOF RECORD POLICY   a receipt and its record, with dnsid
    check.py receipt-aics PROOF RECORD VKEY  the same, with aics-tlog

Says in a line what was found; status 0 if all is good, 1 if not.
"""

import base64
import sys
import time
from pathlib import Path


def export(folder, vkey_file):
    from aics_tlog import FileSystemTileReader, parse_checkpoint, parse_note, parse_vkey, verify_checkpoint
    from aics_tlog.verified import audit_tiles

    vkey = parse_vkey(Path(vkey_file).read_text().strip())
    note = parse_note((Path(folder) / "checkpoint").read_text())
    signed = verify_checkpoint(note, vkey, expected_origin=vkey.name)
    if not signed.ok:
        raise ValueError(f"checkpoint: {signed}")
    checkpoint = parse_checkpoint(note.text)
    report = audit_tiles(FileSystemTileReader(folder), checkpoint.size, checkpoint.root, entries=True)
    return f"aics-tlog: {checkpoint.size} records of {checkpoint.origin}: {report}"


def receipt(proof, record, policy):
    from dnsid.c2sp_tlog import parse_c2sp_policy_file
    from dnsid.c2sp_tlog.proof import verify_c2sp_tlog_proof

    trusted = parse_c2sp_policy_file(Path(policy).read_text())
    found = verify_c2sp_tlog_proof(
        Path(record).read_bytes(), Path(proof).read_text(), trusted, now_ms=time.time() * 1000
    )
    return f"dnsid: record {found.index} of {found.checkpoint.tree_size}"


def receipt_aics(proof, record, vkey_file):
    from aics_tlog import parse_checkpoint, parse_note, parse_vkey, verify_checkpoint, verify_leaf_inclusion

    head, note_text = Path(proof).read_text().split("\n\n", 1)
    lines = head.split("\n")
    index = int(next(line for line in lines if line.startswith("index ")).removeprefix("index "))
    path = [base64.b64decode(line) for line in lines[lines.index(f"index {index}") + 1 :]]
    note = parse_note(note_text)
    signed = verify_checkpoint(note, parse_vkey(Path(vkey_file).read_text().strip()))
    checkpoint = parse_checkpoint(note.text)
    leaf = Path(record).read_bytes()
    if not signed.ok or not verify_leaf_inclusion(leaf, index, checkpoint.size, path, checkpoint.root):
        raise ValueError("the receipt does not prove this record")
    return f"aics-tlog: record {index} of {checkpoint.size}"


def main():
    kinds = {"export": export, "receipt": receipt, "receipt-aics": receipt_aics}
    try:
        print(kinds[sys.argv[1]](*sys.argv[2:]))
    except Exception as error:  # whatever the tool objects to is its verdict
        print(f"refused: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
