//! The files of a simulated round: real ones, with a few figures for every table and year, of which some do not add up.

use std::sync::OnceLock;

use rondo_domain::table::{Questionnaire, TableNo};
use rondo_domain::{Country, Indicator, Year};

use super::super::answers::Quality;
use crate::builtin;

fn questionnaire() -> &'static Questionnaire {
    static READ: OnceLock<Questionnaire> = OnceLock::new();
    READ.get_or_init(|| rondo_questionnaire::read_questionnaire(&builtin::packed("ilms-asean").unwrap()).unwrap())
}

/// The total of a dimension, or else the first item that is offered; nothing where there is no such dimension.
fn whole(indicator: &Indicator, dimension: u8) -> String {
    let Some(classification) = questionnaire().classification(indicator, dimension) else { return String::new() };
    let offered = || classification.items.values().find(|item| item.offered).map(|item| &item.code);
    classification.total().or_else(offered).map(ToString::to_string).unwrap_or_default()
}

/// A country's file: women, men and both of every table and year.
pub(super) fn of(country: &Country, tables: &[TableNo], years: &[Year], quality: Quality) -> Vec<u8> {
    if quality == Quality::RefusedFirst {
        return b"this is no table\n".to_vec();
    }
    let mut text = "ref_area,source,indicator,sex,classif1,classif2,time,obs_value,obs_status,note_classif,note_indicator,note_source\n".to_owned();
    for (number, table) in tables.iter().enumerate() {
        let Some(layout) = questionnaire().indicators(*table).next() else { continue };
        let (first, second) = (whole(&layout.indicator, 1), whole(&layout.indicator, 2));
        for year in years {
            let all = if quality == Quality::WithFindings && number == 0 { "12.5" } else { "10.5" };
            for (sex, value) in [("SEX_T", all), ("SEX_M", "6.25"), ("SEX_F", "4.25")] {
                let indicator = &layout.indicator;
                text.push_str(&format!(
                    "{country},BA:741,{indicator},{sex},{first},{second},{year},{value},,,,S1:Labour force survey\n"
                ));
            }
        }
    }
    text.into_bytes()
}
