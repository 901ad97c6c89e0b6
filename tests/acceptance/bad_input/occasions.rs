//! An occasion that is given again (`--again`): the same acts once, and other words under it are refused.

use std::path::Path;

use super::{copy, refused, rondo};

#[test]
fn an_occasion_that_is_given_again_with_other_words_does_not_act_a_second_time() {
    let (_folder, data) = copy();
    let occasion = "0123456789abcdef0123456789abcdef";
    let as_whom = ["--data", &data, "--as", "ilo-coordinator", "--again", occasion];
    let args =
        |text| [&as_whom[..], &["round", "lesson", "ilms-asean-2025", "--for", "ilms-asean", "--text", text]].concat();
    let records = || rondo_tests::records(Path::new(&data)).len();
    let before = records();
    for _ in 0..2 {
        let done = rondo(&args("Ask for the source notes earlier."));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(records(), before + 1, "the same acts once");
    }
    refused(&args("Ask for the source notes later."), 6, &["was used before for another wish", "without `--again`"]);
    assert_eq!(records(), before + 1);
}
