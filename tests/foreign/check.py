"""Checks exports and receipts of Rondo with tools that its makers did not write: aics-tlog and dnsid.

    check.py export FOLDER VKEY              every tile and every entry of an export, with aics-tlog
    check.py receipt PROOF RECORD POLICY     a receipt and its record, with dnsid
    check.py receipt-aics PROOF RECORD VKEY  the same, with aics-tlog

VKEY is the log's public key, or a file of every key it had, one a line; POLICY names them. Have them from elsewhere than the
log: whoever forges a log brings a key of his own. Says in a line what was found; status 0 if all is good, 1 if not.
"""

import base64
import importlib.metadata
import sys
import time
from pathlib import Path


def tool(name):
    return f"{name} {importlib.metadata.version(name)}"


def signed_by(note, vkey_file):
    """The name and key id of the key in the file that signed a note."""
    from aics_tlog import parse_vkey, verify_checkpoint

    keys = [parse_vkey(line.strip()) for line in Path(vkey_file).read_text().splitlines() if line.strip()]
    for line, vkey in zip(Path(vkey_file).read_text().split(), keys):
        if verify_checkpoint(note, vkey, expected_origin=vkey.name).ok:
            return "+".join(line.split("+")[:2])
    raise ValueError(f"the checkpoint is signed by no key of {vkey_file}")


def export(folder, vkey_file):
    from aics_tlog import FileSystemTileReader, parse_checkpoint, parse_note
    from aics_tlog.verified import audit_tiles

    note = parse_note((Path(folder) / "checkpoint").read_text())
    key = signed_by(note, vkey_file)
    checkpoint = parse_checkpoint(note.text)
    report = audit_tiles(FileSystemTileReader(folder), checkpoint.size, checkpoint.root, entries=True)
    return (
        f"good: {tool('aics-tlog')} read {report.bundles} bundles and {report.tiles} tiles: "
        f"all {checkpoint.size} records hash to the root that {key} signed"
    )


def receipt(proof, record, policy):
    from dnsid.c2sp_tlog import parse_c2sp_policy_file
    from dnsid.c2sp_tlog.proof import verify_c2sp_tlog_proof

    trusted = parse_c2sp_policy_file(Path(policy).read_text())
    found = verify_c2sp_tlog_proof(
        Path(record).read_bytes(), Path(proof).read_text(), trusted, now_ms=time.time() * 1000
    )
    return (
        f"good: {tool('dnsid')} finds the record at {found.index} of {found.checkpoint.tree_size} "
        "under a checkpoint that the policy accepts"
    )


def receipt_aics(proof, record, vkey_file):
    from aics_tlog import parse_checkpoint, parse_note, verify_leaf_inclusion

    head, note_text = Path(proof).read_text().split("\n\n", 1)
    lines = head.split("\n")
    index = int(next(line for line in lines if line.startswith("index ")).removeprefix("index "))
    path = [base64.b64decode(line) for line in lines[lines.index(f"index {index}") + 1 :]]
    note = parse_note(note_text)
    key = signed_by(note, vkey_file)
    checkpoint = parse_checkpoint(note.text)
    leaf = Path(record).read_bytes()
    if not verify_leaf_inclusion(leaf, index, checkpoint.size, path, checkpoint.root):
        raise ValueError("the receipt does not prove this record")
    return f"good: {tool('aics-tlog')} finds the record at {index} of the {checkpoint.size} that {key} signed"


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
