//! Words against this log that nothing proves: a witness says that it cosigned more or other records, or a role that it was shown some
//! which are not here. They are kept, so that no later start signs what may contradict them: a witness has to be asked again and
//! agree, a role's word has to be extended, or a person goes on under another key and says why.

use std::fs;
use std::path::{Path, PathBuf};

use rondo_domain::network::Heard;
pub use rondo_domain::network::Speaker;
use rondo_eventlog::Head;
use rondo_runtime::durable::{replace, sync_folder};
use serde::{Deserialize, Serialize};

use super::extends;
use crate::directory::{OpenError, io};

/// The name of the file: JSON, `{"words":[{"by":{"role":"scheduler"},"size":7,"root":"<hexadecimal>","says":"…"}]}`.
pub(crate) const WORDS: &str = "disputed";

/// Where words are kept, in a data directory.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join(WORDS)
}

/// What somebody says against this log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who.
    pub by: Speaker,
    /// How many records of this log they say that they know.
    pub size: u64,
    /// The root over them in hexadecimal, where they say it.
    #[serde(default)]
    pub root: Option<String>,
    /// In words.
    pub says: String,
}

impl Word {
    /// The head that it speaks of, where it says which.
    fn head(&self) -> Option<Head> {
        let mut root = [0; 32];
        hex::decode_to_slice(self.root.as_ref()?, &mut root).ok()?;
        Some(Head { size: self.size, root })
    }

    /// How much they say that they were shown, as a record tells of it.
    fn heard(&self) -> Heard {
        let root = self.head().map(|head| hex::encode(head.root));
        Heard { by: self.by.clone(), size: self.size, root }
    }

    /// Whether only asking again can take it back.
    fn is_awaited(&self) -> bool {
        matches!(self.by, Speaker::Witness { .. })
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    #[serde(default)]
    words: Vec<Word>,
}

/// What was kept.
///
/// # Errors
/// When the file cannot be read; one that is malformed is somebody's word all the same.
pub fn words(data: &Path) -> Result<Vec<Word>, OpenError> {
    let path = path(data);
    match fs::read(&path) {
        Ok(bytes) => {
            let file: Result<File, _> = serde_json::from_slice(&bytes);
            Ok(file.map_err(|e| OpenError::BadNote { path, source: e.into() })?.words)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(io("read", &path)(e)),
    }
}

/// The words of witnesses that were kept: each has to be asked again.
///
/// # Errors
/// As [`words`].
pub fn awaited(data: &Path) -> Result<Vec<Word>, OpenError> {
    Ok(words(data)?.into_iter().filter(Word::is_awaited).collect())
}

/// What is said of a log whose witnesses have to be asked again.
pub fn told(words: &[Word]) -> String {
    let told: Vec<String> = words.iter().map(|Word { by, says, .. }| format!("{by} said: {says}")).collect();
    format!(
        "{} (kept as `{WORDS}`). Nothing is signed or taken before it has been asked again and agrees: start Rondo where it can be reached, or ask it beside the log with `rondo audit witness --policy FILE`. If it is wrong or gone for good, go on under a new key, which records that with your reason: rondo audit continue --reason WHY",
        told.join("; ")
    )
}

/// Keeps a word, in the place of an earlier one by the same that says no more. On disk once this returns.
///
/// # Errors
/// When the file cannot be read or written.
pub fn keep_word(data: &Path, word: Word) -> Result<(), OpenError> {
    let _alone = alone(data)?;
    let mut words = words(data)?;
    match words.iter_mut().find(|kept| kept.by.is(&word.by)) {
        Some(kept) if kept.size <= word.size => *kept = word,
        Some(_) => {}
        None => words.push(word),
    }
    write(data, words)
}

/// The words that still stand, if any does, as a record can tell of them, the most records first: whether a head stands is the caller's
/// to say, and of a word that names none nobody can. What cannot be read is somebody's word all the same, and nothing is told of it.
///
/// # Errors
/// When the file cannot be read, and the caller's own.
pub(crate) fn stand(
    data: &Path,
    stands: impl Fn(&Head) -> Result<bool, OpenError>,
) -> Result<Option<Vec<Heard>>, OpenError> {
    let words = match words(data) {
        Ok(words) => words,
        Err(OpenError::BadNote { .. }) => return Ok(Some(Vec::new())),
        Err(error) => return Err(error),
    };
    let (mut heard, mut any) = (Vec::new(), false);
    for word in &words {
        if word.head().as_ref().map_or(Ok(true), &stands)? {
            any = true;
            heard.push(word.heard());
        }
    }
    // One that no record can hold is in nobody's way: the log goes on without its number.
    heard.retain(Heard::is_well_formed);
    heard.sort_by(|one, other| {
        other.size.cmp(&one.size).then_with(|| (&one.root, &one.by).cmp(&(&other.root, &other.by)))
    });
    heard.truncate(Heard::MOST);
    Ok(any.then_some(heard))
}

/// Takes back what somebody said, once they agree with the log; says whether there was anything.
///
/// # Errors
/// When the file cannot be read or written.
pub fn withdraw(data: &Path, by: &Speaker) -> Result<bool, OpenError> {
    let _alone = alone(data)?;
    let mut words = words(data)?;
    let before = words.len();
    words.retain(|kept| !kept.by.is(by));
    let found = words.len() < before;
    if found {
        write(data, words)?;
    }
    Ok(found)
}

/// Held while the file is read and written again: witnesses and roles are heard at the same time, and a command beside the server
/// hears witnesses too. The folder is locked (flock(2)), and not a thread's lock taken, since that one is another process.
fn alone(data: &Path) -> Result<fs::File, OpenError> {
    let folder = fs::File::open(data).map_err(io("open", data))?;
    let locked = rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive);
    locked.map_err(|e| io("lock", data)(e.into()))?;
    Ok(folder)
}

fn write(data: &Path, words: Vec<Word>) -> Result<(), OpenError> {
    let path = path(data);
    if words.is_empty() {
        fs::remove_file(&path).map_err(io("remove", &path))?;
        return Ok(sync_folder(data)?);
    }
    let bytes = serde_json::to_vec(&File { words }).map_err(|e| io("write", &path)(e.into()))?;
    Ok(replace(&path, &bytes)?)
}

/// Refuses to sign where a role's word stands; gives those of witnesses, who have to be asked. What the log extends, since the newest
/// journal is back, is taken away.
pub(crate) fn at_start(data: &Path, have: u64, notes: &mut Vec<String>) -> Result<Vec<Word>, OpenError> {
    let _alone = alone(data)?;
    let kept = words(data)?;
    let mut left = Vec::new();
    for word in &kept {
        let extended = match word.head() {
            Some(head) => extends(data, &head)?,
            None => false,
        };
        if extended {
            notes.push(format!("the log extends what {} said of it, which was taken away", word.by));
        } else if word.is_awaited() {
            left.push(word.clone());
        } else {
            return Err(OpenError::Disputed { have, by: word.by.clone(), size: word.size });
        }
    }
    if left.len() < kept.len() {
        write(data, left.clone())?;
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_at_once_are_all_kept_and_so_are_those_of_another_process() {
        let role = |n: usize| Speaker::Role(format!("role-{n}"));
        let word = |n: usize| Word { by: role(n), size: n as u64, root: None, says: "more".to_owned() };
        for _ in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path();
            let together = std::sync::Barrier::new(16);
            let speaks = |n: usize| {
                together.wait();
                keep_word(data, word(n))
            };
            std::thread::scope(|scope| {
                let speakers: Vec<_> = (0..16).map(|n| scope.spawn(move || speaks(n))).collect();
                speakers.into_iter().for_each(|speaker| speaker.join().unwrap().unwrap());
            });
            assert_eq!(words(data).unwrap().len(), 16, "nobody's word was written over");
        }
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        keep_word(data, word(0)).unwrap();
        // Another process is at work on the file: it is waited for.
        let other = fs::File::open(data).unwrap();
        rustix::fs::flock(&other, rustix::fs::FlockOperation::LockExclusive).unwrap();
        std::thread::scope(|scope| {
            let speaker = scope.spawn(|| keep_word(data, word(1)));
            let taker = scope.spawn(|| withdraw(data, &role(0)));
            std::thread::sleep(std::time::Duration::from_millis(100));
            let start = scope.spawn(|| at_start(data, 0, &mut Vec::new()).map(|_| ()));
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert!(!speaker.is_finished() && !taker.is_finished() && !start.is_finished());
            write(data, vec![word(0), word(2)]).unwrap();
            rustix::fs::flock(&other, rustix::fs::FlockOperation::Unlock).unwrap();
            speaker.join().unwrap().unwrap();
            assert!(taker.join().unwrap().unwrap());
            assert!(matches!(start.join().unwrap(), Err(OpenError::Disputed { .. })), "somebody's word always stands");
        });
        let left: Vec<u64> = words(data).unwrap().iter().map(|word| word.size).collect();
        assert!(left.contains(&1) && left.contains(&2) && left.len() == 2, "{left:?}");
    }

    #[test]
    fn words_that_stand_are_told_the_most_records_first_and_what_no_record_holds_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let none = |_: &Head| Ok(false);
        assert_eq!(stand(data, none).unwrap(), None);
        let word = |name: &str, size: u64, root: Option<&str>| Word {
            by: Speaker::Role(name.to_owned()),
            size,
            root: root.map(ToOwned::to_owned),
            says: "more".to_owned(),
        };
        let root = "ab".repeat(32);
        write(
            data,
            vec![word("b", 4, Some(&root)), word("c", 7, None), word("a", 4, Some(&root)), word("\n", 9, None)],
        )
        .unwrap();
        let told = |heard: &[Heard]| heard.iter().map(|word| format!("{} {}", word.by, word.size)).collect::<Vec<_>>();
        let all = stand(data, |_| Ok(true)).unwrap().unwrap();
        assert_eq!(told(&all), ["the role c 7", "the role a 4", "the role b 4"]);
        assert_eq!(all[1].root, Some(root));
        // The log has what the heads speak of; of the others nobody can tell.
        assert_eq!(told(&stand(data, none).unwrap().unwrap()), ["the role c 7"]);
        fs::write(path(data), "half a ").unwrap();
        assert_eq!(stand(data, none).unwrap(), Some(Vec::new()), "it is somebody's word all the same");
    }

    #[test]
    fn a_word_is_kept_until_its_speaker_takes_it_back_and_read_leniently() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let witness = |name: &str| Speaker::Witness { name: name.to_owned(), key: "aa".to_owned() };
        let word = |by: Speaker, size: u64| Word { by, size, root: None, says: "more".to_owned() };
        let role = Speaker::Role("scheduler".to_owned());
        assert!(words(data).unwrap().is_empty() && !withdraw(data, &role).unwrap());
        for (by, size) in [(witness("one"), 4), (role.clone(), 7), (witness("renamed"), 5), (witness("one"), 3)] {
            keep_word(data, word(by, size)).unwrap();
        }
        let sizes: Vec<u64> = words(data).unwrap().iter().map(|word| word.size).collect();
        assert_eq!(sizes, [5, 7], "of one speaker the largest");
        assert_eq!(awaited(data).unwrap().len(), 1);
        assert!(withdraw(data, &witness("another name")).unwrap() && withdraw(data, &role).unwrap());
        assert!(!path(data).exists());
        let later = r#"{"words":[{"by":{"role":"x"},"size":1,"says":"more","since":"today"}],"version":2}"#;
        fs::write(path(data), later).unwrap();
        assert_eq!(words(data).unwrap().len(), 1);
        fs::write(path(data), "half a ").unwrap();
        assert!(words(data).is_err(), "what cannot be read is a word all the same");
    }
}
