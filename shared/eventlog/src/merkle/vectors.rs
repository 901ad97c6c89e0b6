//! Vectors: notes, checkpoints and receipts that readers disagree about, each with the answer of Go's `sumdb/note` and of the
//! C2SP texts; and the same question put to an independent reader of notes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::note::signatures;
use super::receipt::{Receipt, ReceiptError};
use super::{Checkpoint, NoteError, Policy, Signer, Verifier, leaf_hash};
use crate::ledger::Head;

const RECORD: &[u8] = b"a record";

fn signer() -> Signer {
    Signer::new("vectors.example/log", &[5; 32]).unwrap()
}

fn root() -> String {
    STANDARD.encode(leaf_hash(RECORD))
}

/// A receipt for the only record of a log whose checkpoint has this text, signed as it stands.
fn receipt(text: &str) -> String {
    format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", signer().sign(text))
}

fn checkpoint() -> String {
    format!("vectors.example/log\n1\n{}\n", root())
}

fn read(text: &str) -> Result<Checkpoint, ReceiptError> {
    Receipt::read(text)?.check(RECORD, &signer().verifier())
}

fn refused(text: &str, why: &str) {
    let told = match read(text) {
        Ok(_) => panic!("said good: {text:?}"),
        Err(ReceiptError::Checkpoint(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    assert!(told.contains(why), "{text:?}: {told}");
}

#[test]
fn what_is_well_formed_is_read() {
    let plain = receipt(&checkpoint());
    let other = format!("\u{2014} other.example/log {}\n", STANDARD.encode([7; 5]));
    let good = [
        plain.clone(),
        receipt(&format!("{}an extension\nand another\n", checkpoint())),
        plain.replacen("index 0", "extra QUJD\nindex 0", 1),
        plain.replacen("index 0", "extra \nindex 0", 1),
        plain.replacen("\n\n\u{2014}", &format!("\n\n{other}\u{2014}"), 1),
        format!("{plain}{}", other.repeat(99)),
        // By the name of the key alone it is a stranger's, whatever stands in it.
        format!("{plain}\u{2014} vectors.example/log {}\n", STANDARD.encode([9; 9])),
        // A text of its own language is no control character, and neither is the last of ASCII for Go.
        receipt(&format!("{}ព្រះរាជាណាចក្រ \u{7f}\n", checkpoint())),
    ];
    for text in good {
        assert_eq!(read(&text).unwrap().head, Head { size: 1, root: leaf_hash(RECORD) }, "{text:?}");
    }
}

#[test]
fn what_others_refuse_is_refused_with_its_reason() {
    let plain = receipt(&checkpoint());
    for c in ['\u{0}', '\u{1}', '\t', '\u{b}', '\r', '\u{1f}'] {
        refused(&receipt(&format!("{}ext{c}x\n", checkpoint())), "control character");
        refused(&plain.replacen("\u{2014} ", &format!("\u{2014} {c}"), 1), "control character");
    }
    for size in ["+1", "-1", "01", "1 ", " 1", "", "0x1", "1_0", "١", "9223372036854775808", "18446744073709551616"] {
        let text = checkpoint().replacen("\n1\n", &format!("\n{size}\n"), 1);
        refused(&receipt(&text), if size.is_empty() { "empty line" } else { "number without sign" });
    }
    for root in ["", "AAAA", "!!!", &root()[..43], &format!("{}AAAA", root())] {
        let text = format!("vectors.example/log\n1\n{root}\n");
        refused(&receipt(&text), if root.is_empty() { "" } else { "hash in base64" });
    }
    refused(&receipt("vectors.example/log\n1\n"), "a line each");
    refused(&receipt(&format!("{}\nan extension\n", checkpoint())), "empty line");
    refused(&receipt(&format!("{}an extension\n\n", checkpoint())), "empty line");
    refused(&receipt(&format!("\n{}", checkpoint())), "empty line");
    refused(&receipt(&format!("other.example/log\n1\n{}\n", root())), "is not the name of the key");
}

#[test]
fn a_line_below_the_text_has_to_be_a_signature_whoever_made_it() {
    let plain = receipt(&checkpoint());
    let of = |name: &str, bytes: &[u8]| format!("\u{2014} {name} {}\n", STANDARD.encode(bytes));
    for bytes in [&b"abc"[..], b"abcd", b""] {
        refused(&format!("{plain}{}", of("other.example/log", bytes)), "too short");
        refused(&plain.replacen("\n\n\u{2014}", &format!("\n\n{}\u{2014}", of("other", bytes)), 1), "too short");
    }
    for name in ["a+b", "+", "a\u{a0}b", "a\u{2003}b", "\u{85}"] {
        refused(&format!("{plain}{}", of(name, &[7; 68])), "name that no key can have");
    }
    refused(&format!("{plain}{}", of("", &[7; 68])), "name that no key can have");
    refused(&format!("{plain}\u{2014} other AAAAAAA\n"), "not in base64");
    refused(&format!("{plain}\u{2014} other AAAA AAAA\n"), "not in base64");
    refused(&format!("{plain}\u{2014} other\n"), "not a signature line");
    refused(&format!("{plain}- other AAAAAAA=\n"), "not a signature line");
    refused(&format!("{plain}Unexpected line.\n"), "not a signature line");
    refused(&format!("{plain}{}", of("other", &[7; 5]).repeat(100)), "more than 100");
    refused(&format!("{plain}{}", plain.lines().last().unwrap().repeat(2)), "");
    refused(&format!("{plain}\n"), "");
    refused(plain.strip_suffix('\n').unwrap(), "line end");
    refused(&format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", checkpoint()), "no empty line stands before");
    refused(&format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}\n", checkpoint()), "");
    refused(&plain.replacen(&root(), &format!("{}\n{}", root(), "x".repeat(1_000_001)), 1), "longer than any");
}

#[test]
fn the_lines_of_a_receipt_are_as_its_text_says() {
    let plain = receipt(&checkpoint());
    let with = |head: &str| plain.replacen("c2sp.org/tlog-proof@v1\nindex 0\n", head, 1);
    for extra in ["!!!", "QUJ", "QUJD QUJD", "QUJD=", " QUJD"] {
        refused(&with(&format!("c2sp.org/tlog-proof@v1\nextra {extra}\nindex 0\n")), "`extra`");
    }
    refused(&with("c2sp.org/tlog-proof@v1\nextra QUJD\nextra QUJD\nindex 0\n"), "`index`");
    refused(&with("c2sp.org/tlog-proof@v1\nindex 0\nextra QUJD\n"), "a hash of its path");
    refused(&with("c2sp.org/tlog-proof@v1\n"), "`index`");
    for index in ["+0", "00", "-0", "0 ", "", "0x0", "٠"] {
        refused(&with(&format!("c2sp.org/tlog-proof@v1\nindex {index}\n")), "`index`");
    }
    refused(&with("c2sp.org/tlog-proof@v2\nindex 0\n"), "its first line");
    refused(&with("\u{feff}c2sp.org/tlog-proof@v1\nindex 0\n"), "its first line");
    refused(&with("c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n"), "a hash of its path");
    refused(&with(&format!("c2sp.org/tlog-proof@v1\nindex 0\n{}\n", STANDARD.encode([0; 64]))), "a hash of its path");
    refused(&with(&format!("c2sp.org/tlog-proof@v1\nindex 0\n{}", format!("{}\n", root()).repeat(64))), "longer");
    refused(&plain.replace('\n', "\r\n"), "empty line");
}

#[test]
fn a_key_in_vkey_form_is_spelled_in_one_way() {
    let vkey = signer().verifier().vkey();
    assert!(Verifier::from_vkey(&format!("{vkey}\n")).is_ok());
    let (name, rest) = vkey.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    for wrong in [
        format!("{name}+x+{id}+{key}"),
        format!("+{id}+{key}"),
        format!("a b+{id}+{key}"),
        format!("{name}+{}+{key}", &id[1..]),
        format!("{name}+00000000+{key}"),
        format!("{name}+{id}+{}", &key[1..]),
        format!("{name}+{id}+"),
        format!("{name}+{id}"),
        format!("\t{vkey}"),
    ] {
        assert!(Verifier::from_vkey(&wrong).is_err(), "{wrong:?}");
        assert!(Policy::read(&format!("log {wrong}\nquorum none\n")).is_err() || wrong.starts_with('\t'), "{wrong:?}");
    }
    for name in ["", "a b", "a+b", "a\u{2003}b", "a\u{1}b"] {
        assert!(matches!(Signer::new(name, &[5; 32]), Err(NoteError::BadName(_))), "{name:?}");
    }
}

#[test]
fn what_a_checkpoint_claims_is_read_as_strictly() {
    let note = signer().sign(&checkpoint());
    assert_eq!(Checkpoint::claimed(&note), Checkpoint::claimed(&checkpoint()));
    assert!(Checkpoint::claimed(&note).is_some());
    for wrong in [note.replace("\n1\n", "\n+1\n"), note.replace("\n1\n", "\n1\t\n"), note.replace("\n1\n", "\n1\r\n")] {
        assert_eq!(Checkpoint::claimed(&wrong), None, "{wrong:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A note with a few characters put in, taken out or written twice is a note for us exactly if it is one for others.
    #[test]
    fn an_independent_reader_agrees(
        edits in prop::collection::vec((0usize..240, 0usize..4, prop::sample::select(vec![
            "\n", "\n\n", "\t", "\r", "\u{1}", " ", "+", "=", "A", "\u{2014} ", "\u{2014} x AAAAAAA=\n", "\u{2014} x+y AAAAAAA=\n",
            "\u{2014} x AAAA\n", "\u{a0}", "\u{7f}", "é",
        ])), 0..4)
    ) {
        let mut note: Vec<char> = signer().sign(&checkpoint()).chars().collect();
        for (at, take, put) in edits {
            let at = at % (note.len() + 1);
            let end = (at + take).min(note.len());
            note.splice(at..end, put.chars());
        }
        let note: String = note.into_iter().collect();
        let theirs = signed_note::Note::from_bytes(note.as_bytes());
        let ours = signatures(&note);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}", note);
        if let (Ok((text, _)), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(text.as_bytes(), theirs.text());
        }
    }
}
