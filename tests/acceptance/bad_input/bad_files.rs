//! Files of figures at the command line: what cannot be read is told with its place, and what can is told in full.

use rondo_tests::root;

use super::refused;

#[test]
fn files_that_cannot_be_read_or_break_rules() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let check = |path: &str, status: i32, words: &[&str]| refused(&["check", path, "--country", "LAO"], status, words);
    check(&file("workbook.csv", b"PK\x03\x04\xff\xfe"), 3, &["R01", "nothing was sent"]);
    check(&file("empty.csv", b""), 2, &["0 bytes", "Nothing was sent"]);
    check(&file("columns.csv", b"ref_aria,obs_value\n"), 3, &["did you mean `ref_area`?"]);
    let wrong = "ref_area,source,indicator,sex,classif1,time,obs_value,note_source\n\
                 LAO,EB:1,MNA_OEMP_SEX_CDS_NB,SEX_F,CDS_DES_KRO,2023,1.072,S1:Yearbook\n";
    check(&file("code.csv", wrong.as_bytes()), 3, &["row 2", "R04", "did you mean `CDS_DES_KOR`?"]);
    let lao = |from: &str, to: &str| {
        let good = "ref_area,source,indicator,sex,classif1,time,obs_value,note_source\n\
                    LAO,EB:1,MNA_OEMP_SEX_CDS_NB,SEX_F,CDS_DES_KOR,2022,842.500,S1:Yearbook\n\
                    LAO,EB:1,MNA_OEMP_SEX_CDS_NB,SEX_F,CDS_DES_KOR,2023,901.250,S1:Yearbook\n";
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let swallowed = lao("2022,842.500,S1", "2022,842.500,\"S1");
    check(&file("swallowed.csv", swallowed.as_bytes()), 3, &["R01", "line 2: a quote opens here"]);
    let grouped = lao(",", ";");
    check(&file("grouped.csv", grouped.as_bytes()), 3, &["rows 2, 3: R06", "`842.500` first", "group thousands"]);
    let whole = ["3 lines", "2 rows of figures read of", "2 figures read"];
    check(&file("plain.csv", lao("LAO", "LAO").as_bytes()), 0, &whole);
    check(&file("tabs.txt", lao(",", "\t").replace("901.250", "0.25").as_bytes()), 0, &whole);
    let silent = lao("EB:1", "");
    check(&file("silent.csv", silent.as_bytes()), 3, &["rows 2, 3: R04", "--source"]);
    let path = file("silent.csv", silent.as_bytes());
    refused(&["check", &path, "--country", "LAO", "--source", "EB:1"], 0, &["are taken to be of EB:1", whole[2]]);
    check("/no/such/file.csv", 2, &["/no/such/file.csv"]);
    let lao = root().join("workflows/ilms-asean/demo/files/lao.csv").display().to_string();
    check(&lao, 3, &["R20", "1.072 instead of 1.702", "digit transposition"]);
}
