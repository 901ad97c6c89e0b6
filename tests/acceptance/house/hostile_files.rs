//! Files as they really come, and as nobody should send them: each is kept, judged with its place, and hinders nobody.

use rondo_domain::participation::SubmissionState;

use crate::fixture::{House, lao_2023};

fn header() -> String {
    "ref_area,source,indicator,sex,classif1,classif2,time,obs_value,obs_status,note_classif,note_indicator,note_source\n"
        .to_owned()
}

fn with_row(row: &str) -> Vec<u8> {
    format!("{}{row}\n", header()).into_bytes()
}

fn semicolons(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if *byte == b',' { b';' } else { *byte }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_file_is_kept_and_told_its_place() {
    let house = House::open().await;
    let good = "LAO,EB:6658,MNA_OEMP_SEX_CDS_NB,SEX_F,CDS_DES_KOR,,2023,1.072,,,,S1:Yearbook";
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("a workbook under the wrong name", b"PK\x03\x04\x00\xff\xfe".to_vec(), "R01", ""),
        ("bytes of another encoding", [header().as_bytes(), b"LAO,\xe9\n"].concat(), "R01", "line 2"),
        ("an unknown column", b"land,wert\nLAO,3\n".to_vec(), "R01", "land"),
        ("a row that is too short", with_row("LAO,EB:6658"), "R01", "line 2"),
        ("a quote that never ends", with_row("\"LAO"), "R01", "line 2: a quote opens here"),
        (
            "a quote that a later line closes",
            with_row(&format!("{}\n{good}\n{good}\"", good.replace("S1", "\"S1"))),
            "R01",
            "line 2: a quote opens here",
        ),
        ("points that may group thousands", semicolons(&with_row(good)), "R06", "row 2"),
        ("a mark in place of a figure", with_row(&good.replace("1.072", "..")), "R07", "`..`"),
        ("an unknown country", with_row(&good.replace("LAO", "XYZ1")), "R02", "XYZ1"),
        ("another country", with_row(&good.replace("LAO", "THA")), "R02", "THA"),
        ("a year that is not asked", with_row(&good.replace("2023", "1999")), "R02", "1999"),
        ("a year of the Buddhist era", with_row(&good.replace("2023", "2566")), "R02", "2023"),
        ("an unknown indicator", with_row(&good.replace("OEMP", "OEMQ")), "R03", "did you mean"),
        ("a wrong code", with_row(&good.replace("DES_KOR", "DES_KRO")), "R04", "CDS_DES_KRO"),
        ("a decimal comma", with_row(&good.replace("1.072", "\"1,072\"")), "R06", "1,072"),
        ("a formula", with_row(&good.replace("1.072", "=1+1")), "R06", "=1+1"),
        ("a negative number", with_row(&good.replace("1.072", "-1")), "R06", "-1"),
        ("a number with an exponent", with_row(&good.replace("1.072", "1.072E+00")), "R06", "exponent"),
        ("a Burmese letter for a zero", with_row(&good.replace("1.072", "၁ဝ၇")), "R06", "U+101D"),
        ("a number of a thousand digits", with_row(&good.replace("1.072", &"9".repeat(1_000))), "R06", "digits"),
        ("a blank", with_row(&good.replace("1.072", "")), "R07", "blank"),
        ("the same figure twice", with_row(&format!("{good}\n{good}")), "R05", "row 2"),
        ("a control character", with_row(&good.replace("Yearbook", "Year\x07book")), "R01", "line 2"),
    ];
    for (index, (what, bytes, rule, named)) in cases.iter().enumerate() {
        let id = format!("case-{index}");
        let state = house.sent_and_checked("lao-one", &id, bytes, None).await;
        let received = house.submission(&id).await;
        let findings: Vec<_> = received.findings.iter().flat_map(|group| &group.findings).collect();
        let told = findings.iter().find(|finding| finding.rule == *rule);
        let told = told.unwrap_or_else(|| panic!("{what}: {rule} is not among {findings:?}"));
        let text = format!("{} {}", told.message, told.place.clone().unwrap_or_default());
        assert!(text.contains(named), "{what}: `{text}` does not name `{named}`");
        assert_eq!(state, SubmissionState::Rejected, "{what}");
        assert!(house.keeps(bytes), "{what}: the file is kept");
    }
    assert!(house.life().await.is_empty(), "no figure of a rejected file was recorded");
    let honest = house.sent_and_checked("lao-one", "honest", &lao_2023("1.702"), None).await;
    assert_eq!(honest, SubmissionState::Checked, "an honest file passes after all of them");
    house.close().await;
}

/// A file whose findings are as long and as many as a file can make them.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_gives_more_to_say_than_a_record_holds_is_still_judged() {
    let house = House::open().await;
    let long = "x".repeat(3_900);
    let mut text = header();
    for n in 0..6_000 {
        text.push_str(&format!("LAO,EB:6658,{long},SEX_F,CDS_DES_KOR,,2023,{n},,,,S1:Yearbook\n"));
        if text.len() > 12 * 1024 * 1024 {
            break;
        }
    }
    let state = house.sent_and_checked("lao-one", "long", text.as_bytes(), None).await;
    assert_eq!(state, SubmissionState::Rejected);
    // Every country of the world in one table, women alone, so that everything beside them is missing.
    let items = std::fs::read_to_string(rondo_tests::root().join("workflows/ilms-asean/codelists/items.csv")).unwrap();
    let mut wide = header();
    let codes = items.split([',', '\n']).filter(|code| code.starts_with("CDS_DES_"));
    for code in codes.collect::<std::collections::BTreeSet<_>>() {
        wide.push_str(&format!("LAO,EB:6658,MNA_OEMP_SEX_CDS_NB,SEX_F,{code},,2023,1,,,,S1:Yearbook\n"));
    }
    assert!(wide.lines().count() > 200, "the code list has {} countries", wide.lines().count());
    let state = house.sent_and_checked("lao-one", "wide", wide.as_bytes(), None).await;
    assert_ne!(state, SubmissionState::CheckRequested, "the check came to its end");
    let honest = house.sent_and_checked("lao-one", "honest", &lao_2023("1.702"), None).await;
    assert_ne!(honest, SubmissionState::CheckRequested, "and others are checked after it");
    house.close().await;
}

/// A file that spreadsheets write in another way is read as what it says, and says how much of it was read.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_spelling_is_read_as_what_it_says() {
    let house = House::open().await;
    let plain = String::from_utf8(lao_2023("1.072")).unwrap();
    let titled = format!("Table 17\n\n{}", plain.replacen("obs_value", "Obs Value", 1)).replace(',', "\t");
    let noisy = titled.replace("\t1.072\t", "\t1.0720000000000001\t").replace("\t0.255\t", "\t๐.๒๕๕\t");
    let state = house.sent_and_checked("lao-one", "spelled", noisy.as_bytes(), None).await;
    let received = house.submission("spelled").await;
    assert_eq!(state, SubmissionState::Checked, "{:?}", received.findings);
    let rows = plain.lines().count() - 1;
    let extent = received.extent.unwrap();
    assert_eq!((extent.rows, extent.lines, received.figures), (rows, rows + 3, rows));
    assert_eq!(house.life().await, [("1.072".to_owned(), "lao-one".to_owned())]);
    let told: Vec<_> = received.findings.iter().flat_map(|group| &group.findings).collect();
    let cut = told.iter().find(|finding| finding.message.contains("1.0720000000000001 became 1.072"));
    assert!(cut.is_some_and(|finding| !finding.needs_answer()), "{told:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_sources_is_of_the_one_that_is_said_or_the_only_one() {
    use rondo_domain::participation::{Channel, ParticipationCommand, ReceivedFile};
    let house = House::open().await;
    let named = String::from_utf8(lao_2023("1.072")).unwrap();
    let silent = named.replace(",EB:6658,", ",,");
    let told = |received: &rondo_domain::participation::ReceivedSubmission| {
        let all = received.findings.iter().flat_map(|group| &group.findings).filter(|finding| finding.rule == "R04");
        all.map(|finding| (finding.message.clone(), finding.needs_answer())).collect::<Vec<_>>()
    };
    let state = house.sent_and_checked("lao-one", "silent", silent.as_bytes(), None).await;
    assert_eq!(state, SubmissionState::Rejected);
    let one = told(&house.submission("silent").await);
    assert!(one.len() == 1 && one[0].1 && one[0].0.contains("--source"), "one finding for the file: {one:?}");
    let said = silent.replace("Yearbook", "Year book");
    let sha256 = rondo_eventlog::files::store(&*house.ledger, said.as_bytes()).await.unwrap();
    let file = ReceivedFile { sha256, name: "lao.csv".to_owned(), size: said.len() as u64 };
    let (submission, channel, source) = ("said".parse().unwrap(), Channel::Upload, "EB:6658".parse().ok());
    let (institution, reason) = (None, None);
    let receive = ParticipationCommand::Receive { submission, file, channel, institution, reason, source };
    house.lao("lao-one", receive).await.unwrap();
    house.rest().await;
    let received = house.submission("said").await;
    assert_eq!(received.state, SubmissionState::Checked, "{:?}", received.findings);
    assert!(matches!(&told(&received)[..], [(text, false)] if text.contains("EB:6658, as was said")));
    // From now on it is the only one that the country has.
    let state = house.sent_and_checked("lao-one", "known", silent.replace("S1:", "S1:The ").as_bytes(), None).await;
    assert_eq!(state, SubmissionState::Checked);
    assert!(matches!(&told(&house.submission("known").await)[..], [(text, false)] if text.contains("the only one")));
    let mixed = format!("{silent}{}", with_second_source());
    let state = house.sent_and_checked("lao-one", "mixed", mixed.as_bytes(), None).await;
    assert_eq!(state, SubmissionState::Rejected, "two sources could be meant");
    assert!(told(&house.submission("mixed").await)[0].0.contains("EB:6658"));
    house.close().await;
}

fn with_second_source() -> &'static str {
    "LAO,BA:1,MNA_OEMP_SEX_CDS_NB,SEX_F,CDS_DES_KOR,,2022,1.072,,,,S1:Yearbook\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_brings_one_year_is_held_against_the_rest() {
    let house = House::open().await;
    let all = std::fs::read_to_string(rondo_tests::root().join("workflows/ilms-asean/demo/files/lao.csv")).unwrap();
    let rows = all.lines().enumerate().filter(|(n, line)| *n == 0 || line.contains(",2022,"));
    let only_2022: String = rows.map(|(_, line)| format!("{line}\n")).collect();
    house.sent_and_checked("lao-one", "with-an-error", &lao_2023("1.702"), None).await;
    let table = rondo_domain::table::TableNo(17);
    let before = house.participation().await.tables[&table].findings.clone();
    assert!(before.iter().any(|finding| finding.rule == "R20"), "{before:?}");
    let state = house.sent_and_checked("lao-one", "another-year", only_2022.as_bytes(), None).await;
    assert_eq!(state, SubmissionState::Checked);
    let after = house.participation().await.tables[&table].findings.clone();
    for finding in before {
        let stands = after.iter().any(|found| found.rule == finding.rule && found.keys == finding.keys);
        assert!(stands, "a file about 2022 settled {} about 2023: {}", finding.rule, finding.message);
    }
    house.close().await;
}
