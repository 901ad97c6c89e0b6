//! Policies (C2SP tlog-policy): which logs are trusted, and how many of which witnesses have to have cosigned.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::checkpoint::Checkpoint;
use super::cosignature::Cosigner;
use super::note::{NoteError, Verifier};

/// The most lines taken of one kind.
const MAX_LINES: usize = 1_000;

/// Who counts for a quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Witness(Cosigner),
    Group { threshold: usize, members: Vec<String> },
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Verifier>,
    rules: BTreeMap<String, Rule>,
    addresses: BTreeMap<String, String>,
    /// Nothing where no cosignature is asked for.
    quorum: Option<String>,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {what}")]
pub struct PolicyError {
    line: usize,
    what: String,
}

/// What a policy says of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// Which of the policy's witnesses cosigned it, and when.
    pub witnesses: Vec<(String, Timestamp)>,
    /// Whether the policy asks for witnesses at all.
    pub asks: bool,
    /// Whether enough of them did.
    pub quorum: bool,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first line that is wrong, and why.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        let mut policy = Self { logs: Vec::new(), rules: BTreeMap::new(), addresses: BTreeMap::new(), quorum: None };
        let mut members = BTreeSet::new();
        let mut settled = false;
        let mut last = 0;
        for (number, line) in text.split('\n').enumerate() {
            last = number + 1;
            let wrong = |what: &str| PolicyError { line: number + 1, what: what.to_owned() };
            if number > MAX_LINES || line.chars().any(|c| c.is_ascii_control() && c != '\t') {
                return Err(wrong("too many lines, or a control character"));
            }
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            match words[..] {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", vkey, ref url @ ..] if url.len() < 2 => policy.log(vkey, wrong)?,
                ["witness", name, vkey, ref url @ ..] if url.len() < 2 => {
                    policy.witness(name, vkey, url.first(), wrong)?;
                }
                ["group", name, threshold, ref group @ ..] if !group.is_empty() => {
                    policy.group(name, threshold, group, &mut members, wrong)?;
                }
                ["quorum", name] if !settled => {
                    if name != "none" && !policy.rules.contains_key(name) {
                        return Err(wrong("the quorum names nobody that a line above defines"));
                    }
                    policy.quorum = (name != "none").then(|| name.to_owned());
                    settled = true;
                }
                ["quorum", ..] => return Err(wrong("a policy has one line `quorum NAME`")),
                _ => return Err(wrong("it begins with none of `log`, `witness`, `group`, `quorum`, or is cut short")),
            }
        }
        if settled {
            Ok(policy)
        } else {
            Err(PolicyError { line: last, what: "the line `quorum` is missing".to_owned() })
        }
    }

    fn log(&mut self, vkey: &str, wrong: impl Fn(&str) -> PolicyError) -> Result<(), PolicyError> {
        let verifier = Verifier::from_vkey(vkey).map_err(|e| wrong(&e.to_string()))?;
        if self.logs.iter().any(|other| other.public() == verifier.public()) {
            return Err(wrong("the same key twice"));
        }
        self.logs.push(verifier);
        Ok(())
    }

    fn witness(
        &mut self,
        name: &str,
        vkey: &str,
        url: Option<&&str>,
        wrong: impl Fn(&str) -> PolicyError,
    ) -> Result<(), PolicyError> {
        let cosigner = Cosigner::from_vkey(vkey).map_err(|e| wrong(&e.to_string()))?;
        let same = |rule: &Rule| matches!(rule, Rule::Witness(other) if other.public() == cosigner.public());
        if name == "none" || self.rules.contains_key(name) || self.rules.values().any(same) {
            return Err(wrong("the same name or key twice, or the name `none`"));
        }
        self.rules.insert(name.to_owned(), Rule::Witness(cosigner));
        if let Some(url) = url {
            self.addresses.insert(name.to_owned(), (*url).to_owned());
        }
        Ok(())
    }

    fn group(
        &mut self,
        name: &str,
        threshold: &str,
        group: &[&str],
        members: &mut BTreeSet<String>,
        wrong: impl Fn(&str) -> PolicyError,
    ) -> Result<(), PolicyError> {
        if name == "none" || self.rules.contains_key(name) {
            return Err(wrong("the same name twice, or the name `none`"));
        }
        for member in group {
            if !self.rules.contains_key(*member) || !members.insert((*member).to_owned()) {
                return Err(wrong("a member is not defined above, or is in a group already"));
            }
        }
        let threshold = match threshold {
            "any" => Some(1),
            "all" => Some(group.len()),
            digits => digits.parse().ok().filter(|k| (1..=group.len()).contains(k) && !digits.starts_with(['0', '+'])),
        };
        let threshold =
            threshold.ok_or_else(|| wrong("a group's threshold is `any`, `all`, or between 1 and its members"))?;
        let members = group.iter().map(|member| (*member).to_owned()).collect();
        self.rules.insert(name.to_owned(), Rule::Group { threshold, members });
        Ok(())
    }

    /// The witnesses that have an address, by name: whom to ask for cosignatures.
    pub fn to_be_asked(&self) -> impl Iterator<Item = (&str, &Cosigner, &str)> {
        self.addresses.iter().filter_map(|(name, url)| match self.rules.get(name)? {
            Rule::Witness(cosigner) => Some((name.as_str(), cosigner, url.as_str())),
            Rule::Group { .. } => None,
        })
    }

    /// What the policy says of a signed and perhaps cosigned checkpoint. Cosignatures made before `since` count as none.
    ///
    /// # Errors
    /// When no log of the policy signed it, or a cosignature of one of its witnesses does not fit.
    pub fn judge(&self, note: &str, since: Timestamp) -> Result<Witnessed, NoteError> {
        let mut refused = NoteError::Unsigned("any log of the policy".to_owned());
        let opened = self.logs.iter().find_map(|log| match Checkpoint::open(note, log) {
            Ok(checkpoint) => Some(checkpoint),
            Err(error) => {
                refused = error;
                None
            }
        });
        let checkpoint = opened.ok_or(refused)?;
        let mut witnesses = Vec::new();
        for (name, rule) in &self.rules {
            if let Rule::Witness(cosigner) = rule
                && let Some(at) = cosigner.cosigned(note)?
            {
                witnesses.push((name.clone(), at));
            }
        }
        let fresh = witnesses.iter().filter(|(_, at)| *at >= since);
        let cosigned: BTreeSet<&str> = fresh.map(|(name, _)| name.as_str()).collect();
        let quorum = self.quorum.as_ref().is_none_or(|name| self.holds(name, &cosigned));
        Ok(Witnessed { checkpoint, asks: self.quorum.is_some(), quorum, witnesses })
    }

    fn holds(&self, name: &str, cosigned: &BTreeSet<&str>) -> bool {
        match self.rules.get(name) {
            None => false,
            Some(Rule::Witness(_)) => cosigned.contains(name),
            Some(Rule::Group { threshold, members }) => {
                members.iter().filter(|member| self.holds(member, cosigned)).count() >= *threshold
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cosignature::tests::Witness;
    use super::super::note::Signer;
    use super::super::tree::empty_root;
    use super::*;
    use crate::ledger::Head;

    #[test]
    fn a_quorum_is_met_by_enough_of_the_witnesses_and_by_nobody_else() {
        let log = Signer::new("rondo.example/log", &[7; 32]).unwrap();
        let head = Head { size: 0, root: empty_root() };
        let text = Checkpoint { origin: log.name().to_owned(), head }.text();
        let all = [Witness::new("a.example", 1), Witness::new("b.example", 2), Witness::new("c.example", 3)];
        let lines: String =
            all.iter().zip(["A", "B", "C"]).map(|(w, name)| format!("witness {name} {}\n", w.vkey())).collect();
        let policy = format!(
            "# a comment\nlog {}\n{lines}group AB all A B\ngroup G any AB C\nquorum G\n",
            log.verifier().vkey()
        );
        let policy = Policy::read(&policy).unwrap();
        let signed = |by: &[usize]| {
            let cosigned: String = by.iter().map(|n| all[*n].cosign(&text, 1_700_000_000)).collect();
            policy.judge(&format!("{}{cosigned}", log.sign(&text)), Timestamp::MIN).unwrap()
        };
        assert!(!signed(&[]).quorum && !signed(&[0]).quorum && !signed(&[1]).quorum);
        assert!(signed(&[0, 1]).quorum && signed(&[2]).quorum && signed(&[0, 1, 2]).quorum);
        assert_eq!(signed(&[0, 2]).witnesses.len(), 2);
        let stranger = Signer::new("rondo.example/log", &[8; 32]).unwrap();
        assert!(policy.judge(&stranger.sign(&text), Timestamp::MIN).is_err());
        let cosigned = format!("{}{}", log.sign(&text), all[2].cosign(&text, 1_700_000_000));
        let since = |second| policy.judge(&cosigned, Timestamp::from_second(second).unwrap()).unwrap().quorum;
        assert!(since(1_700_000_000) && !since(1_700_000_001), "an old cosignature counts as none");
    }

    #[test]
    fn a_policy_that_is_wrong_is_told_with_its_line() {
        let log = Signer::new("rondo.example/log", &[7; 32]).unwrap().verifier().vkey();
        let (one, two) = (Witness::new("a.example", 1).vkey(), Witness::new("b.example", 2).vkey());
        let told = |text: &str| Policy::read(text).unwrap_err().to_string();
        assert!(Policy::read(&format!("log {log}\nquorum none\n")).is_ok());
        assert!(told(&format!("log {log}\n")).contains("`quorum` is missing"));
        assert!(told(&format!("log {log}\nlog {log}\nquorum none")).starts_with("line 2"));
        assert!(told(&format!("witness A {one}\nwitness B {one}\nquorum A")).starts_with("line 2"));
        assert!(told(&format!("witness none {one}\nquorum none")).starts_with("line 1"));
        assert!(told("quorum A").contains("names nobody"));
        assert!(told(&format!("witness A {one}\ngroup G 2 A\nquorum G")).contains("threshold"));
        assert!(
            told(&format!("witness A {one}\nwitness B {two}\ngroup G any A\ngroup H any A B\nquorum H"))
                .starts_with("line 4")
        );
        assert!(told(&format!("witness A {log}\nquorum A")).starts_with("line 1"), "a log's key is no witness's");
        assert!(told("qourum none").starts_with("line 1"));
    }
}
