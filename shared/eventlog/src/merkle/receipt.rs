//! Receipts (C2SP tlog-proof): one text that proves that a record is in the log, for whoever holds it to check years later.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, decimal, hash};
use super::note::{NoteError, Verifier};
use super::proof::{MAX_PROOF, includes};
use super::tree::{Hash, leaf_hash};

/// The longest receipt that is read, in bytes: its own lines, and a checkpoint as long as a note may be.
const MAX_RECEIPT: usize = 2_000_000;

/// The first line of every receipt.
const MAGIC: &str = "c2sp.org/tlog-proof@v1";

/// A receipt, read and not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The record's position.
    pub index: u64,
    /// Its audit path, from its sibling up.
    pub path: Vec<Hash>,
    /// The signed checkpoint, as it was signed.
    pub checkpoint: String,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The text is no receipt.
    #[error("this is not a receipt (C2SP tlog-proof): {0}")]
    Malformed(&'static str),
    /// Its checkpoint is not accepted.
    #[error("the receipt's checkpoint is not accepted")]
    Checkpoint(#[from] NoteError),
    /// The record is not what the receipt was given for.
    #[error("the record is not the one that stands at {index} of the {size} records the checkpoint signs")]
    Other {
        /// The position.
        index: u64,
        /// The checkpoint's size.
        size: u64,
    },
}

impl Receipt {
    /// The text, for a file that ends in `.tlog-proof`.
    pub fn text(&self) -> String {
        let path: String = self.path.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect();
        format!("{MAGIC}\nindex {}\n{path}\n{}", self.index, self.checkpoint)
    }

    /// Reads a receipt. What a line `extra` says is passed over, as long as it is base64: it proves nothing.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self, ReceiptError> {
        if text.len() > MAX_RECEIPT {
            return Err(ReceiptError::Malformed("it is longer than any"));
        }
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(ReceiptError::Malformed("no empty line before its checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(MAGIC) {
            return Err(ReceiptError::Malformed("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).and_then(|line| line.strip_prefix("extra "));
        if extra.is_some_and(|extra| STANDARD.decode(extra).is_err()) {
            return Err(ReceiptError::Malformed("its line `extra` is not in base64"));
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(ReceiptError::Malformed("no line `index` with a number without sign or zeroes"))?;
        let path: Vec<Hash> = lines
            .map(|line| hash(line).ok_or(ReceiptError::Malformed("a hash of its path")))
            .collect::<Result<_, _>>()?;
        if path.len() > MAX_PROOF {
            return Err(ReceiptError::Malformed("its path is longer than any"));
        }
        Ok(Self { index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Whether it proves that these very bytes are a record of the log with this key; gives the checkpoint that says so.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, record: &[u8], verifier: &Verifier) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, verifier)?;
        let head = checkpoint.head;
        if includes(&leaf_hash(record), self.index, head.size, &self.path, &head.root) {
            Ok(checkpoint)
        } else {
            Err(ReceiptError::Other { index: self.index, size: head.size })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Signer;
    use super::super::proof::inclusion;
    use super::super::tile::Levels;
    use super::*;
    use crate::ledger::Head;

    #[test]
    fn a_receipt_proves_its_record_and_no_other() {
        let signer = Signer::new("rondo.example/log", &[7; 32]).unwrap();
        let mut levels = Levels::default();
        let records: Vec<String> = (0..300).map(|n| format!("record {n}")).collect();
        for record in &records {
            levels.push(leaf_hash(record.as_bytes()));
        }
        let head = Head { size: 300, root: super::super::proof::root(&levels, 0, 300).unwrap() };
        let checkpoint = signer.sign(&Checkpoint { origin: signer.name().to_owned(), head }.text());
        let receipt = Receipt { index: 17, path: inclusion(&levels, 17, 300).unwrap(), checkpoint };
        let again = Receipt::read(&receipt.text()).unwrap();
        assert_eq!(again, receipt);
        assert_eq!(again.check(records[17].as_bytes(), &signer.verifier()).unwrap().head, head);
        let other = again.check(records[18].as_bytes(), &signer.verifier());
        assert_eq!(other, Err(ReceiptError::Other { index: 17, size: 300 }));
        let stranger = Signer::new("rondo.example/log", &[8; 32]).unwrap().verifier();
        assert!(matches!(again.check(records[17].as_bytes(), &stranger), Err(ReceiptError::Checkpoint(_))));
        let with_extra = receipt.text().replacen("index 17", "extra QUJD\nindex 17", 1);
        assert_eq!(Receipt::read(&with_extra).unwrap(), receipt);
        for wrong in ["index 017", "index -1", "index 17x", "index 18446744073709551616"] {
            assert!(Receipt::read(&receipt.text().replacen("index 17", wrong, 1)).is_err(), "{wrong}");
        }
    }
}
