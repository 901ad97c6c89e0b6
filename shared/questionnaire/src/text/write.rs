//! Figures written as text, for machines and for people.

use rondo_domain::figure::RawRow;

use super::COLUMNS;

fn fields(row: &RawRow) -> [&str; 12] {
    [
        &row.ref_area,
        &row.source,
        &row.indicator,
        &row.sex,
        &row.classif1,
        &row.classif2,
        &row.time,
        &row.obs_value,
        &row.obs_status,
        &row.note_classif,
        &row.note_indicator,
        &row.note_source,
    ]
}

/// Writes rows byte-exact, for machines.
///
/// # Errors
/// When a field cannot be written, which a vector never gives cause for.
pub fn machine_text(rows: &[RawRow]) -> Result<Vec<u8>, csv::Error> {
    write(rows, str::to_owned)
}

/// Writes rows for people who open the file in a spreadsheet program: a field that would be taken for a formula gets an
/// apostrophe in front.
///
/// # Errors
/// When a field cannot be written, which a vector never gives cause for.
pub fn people_text(rows: &[RawRow]) -> Result<Vec<u8>, csv::Error> {
    write(rows, |field| {
        let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
        if formula { format!("'{field}") } else { field.to_owned() }
    })
}

fn write(rows: &[RawRow], each: impl Fn(&str) -> String) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.write_record(fields(row).map(&each))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::super::read_text;
    use super::*;

    #[test]
    fn a_formula_is_defused_for_people_and_kept_for_machines() {
        let row =
            RawRow { obs_value: "-1.5".to_owned(), note_source: "=cmd|'/c calc'!A1".to_owned(), ..RawRow::default() };
        let people = String::from_utf8(people_text(std::slice::from_ref(&row)).unwrap()).unwrap();
        assert!(people.contains("'=cmd") && people.contains(",-1.5,"), "{people}");
        let machine = machine_text(std::slice::from_ref(&row)).unwrap();
        assert_eq!(read_text(&machine).unwrap().rows[0].note_source, row.note_source);
    }
}
