//! Promise 5: state is a function of the log. Everything but the journal and the received files is deleted; what comes of
//! them answers every question in the same words.

use std::path::Path;
use std::process::Command;

use rondo_tests::program;

fn rondo(data: &str, args: &[&str]) -> Vec<u8> {
    let done = Command::new(program()).args(["--data", data]).args(args).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// All that the command line can be asked, as JSON.
fn answers(data: &str) -> Vec<(String, Vec<u8>)> {
    let round = "ilms-asean-2025";
    let questions: [&[&str]; 13] = [
        &["round", "show", round],
        &["participation", "list", round],
        &["submission", "list", round],
        &["query", "list", round],
        &["reminder", "list"],
        &["task", "list", "--all"],
        &["release", "list"],
        &["person", "list"],
        &["figure", "explain", "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR"],
        &["audit", "search"],
        &["audit", "state"],
        &["round", "figures", round],
        &["audit", "search", "--question", "last-by-another"],
    ];
    questions.iter().map(|args| (args.join(" "), rondo(data, &[args, &["--output", "json"][..]].concat()))).collect()
}

#[test]
fn what_is_rebuilt_from_the_journal_answers_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    rondo(&data, &["up", "--demo", "--until-done", "--pace", "0"]);
    let before = answers(&data);
    assert!(before.iter().map(|(_, answer)| answer.len()).sum::<usize>() > 500_000, "there is much to be compared");
    for gone in ["index", "tree"] {
        std::fs::remove_dir_all(Path::new(&data).join(gone)).unwrap();
    }
    for ((question, was), (_, is)) in before.iter().zip(answers(&data)) {
        assert!(*was == is, "`{question}` is answered otherwise");
    }
    assert!(String::from_utf8(rondo(&data, &["audit", "verify"])).unwrap().contains("2. bytes:      good"));
}
