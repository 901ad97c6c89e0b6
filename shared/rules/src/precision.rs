//! How exactly a sheet is reported, and how far rounded figures may miss an identity that the true ones fulfil.

use rust_decimal::Decimal;

use crate::sheet::Sheet;

/// Half the last digit written anywhere in the sheet: the most by which rounding moves one figure.
pub(crate) fn half_unit(sheet: &Sheet) -> Decimal {
    let scale = sheet.cells.values().filter_map(|cell| cell.value.value).map(|value| value.scale()).max().unwrap_or(0);
    Decimal::new(5, scale + 1)
}

/// How far an identity over this many rounded figures may miss.
pub(crate) fn tolerance(half_unit: Decimal, figures: usize) -> Decimal {
    half_unit * Decimal::from(figures)
}
