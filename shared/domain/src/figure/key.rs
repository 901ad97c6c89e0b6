//! Keys of figures, in ILOSTAT codes: `REF_AREA/INDICATOR/TIME/SEX[/CLASSIF1[/CLASSIF2]][@SOURCE]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::as_text;
use crate::{Code, Country, Indicator, InvalidId, Source, Year};

/// Sex as ILOSTAT codes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sex {
    /// `SEX_T`.
    Total,
    /// `SEX_M`.
    Male,
    /// `SEX_F`.
    Female,
}

impl Sex {
    /// The ILOSTAT code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "SEX_T",
            Self::Male => "SEX_M",
            Self::Female => "SEX_F",
        }
    }
}

impl fmt::Display for Sex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Sex {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        [Self::Total, Self::Male, Self::Female].into_iter().find(|sex| sex.as_str() == text).ok_or_else(|| InvalidId {
            kind: "sex",
            text: text.chars().take(80).collect(),
            rule: "SEX_T, SEX_M or SEX_F",
        })
    }
}

as_text!(Sex);

/// A figure inside its sheet: sex and up to two classification items, written `SEX_F/CDS_DES_KOR`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// Sex.
    pub sex: Sex,
    /// Item of the first classification.
    pub classif1: Option<Code>,
    /// Item of the second classification.
    pub classif2: Option<Code>,
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sex.as_str())?;
        for code in [&self.classif1, &self.classif2].into_iter().flatten() {
            write!(f, "/{code}")?;
        }
        Ok(())
    }
}

impl FromStr for CellKey {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut parts = text.split('/');
        let sex = parts.next().unwrap_or_default().parse()?;
        let classif1 = parts.next().map(str::parse).transpose()?;
        let classif2 = parts.next().map(str::parse).transpose()?;
        if parts.next().is_some() {
            return Err(InvalidId {
                kind: "cell",
                text: text.chars().take(80).collect(),
                rule: "SEX[/CLASSIF1[/CLASSIF2]]",
            });
        }
        Ok(Self { sex, classif1, classif2 })
    }
}

as_text!(CellKey);

/// A sheet: the figures of one country, indicator, reference year and source. One stream of the log each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SheetKey {
    /// Reporting country.
    pub country: Country,
    /// Indicator.
    pub indicator: Indicator,
    /// Reference year.
    pub year: Year,
    /// Source.
    pub source: Source,
}

impl fmt::Display for SheetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}@{}", self.country, self.indicator, self.year, self.source)
    }
}

/// A figure's key; without a source it names the figure of every source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FigureKey {
    /// Reporting country.
    pub country: Country,
    /// Indicator.
    pub indicator: Indicator,
    /// Reference year.
    pub year: Year,
    /// The figure inside the sheet.
    pub cell: CellKey,
    /// Source, if one is meant.
    pub source: Option<Source>,
}

impl FigureKey {
    /// The key of a cell of a sheet.
    pub fn new(sheet: &SheetKey, cell: &CellKey) -> Self {
        Self {
            country: sheet.country.clone(),
            indicator: sheet.indicator.clone(),
            year: sheet.year,
            cell: cell.clone(),
            source: Some(sheet.source.clone()),
        }
    }
}

impl fmt::Display for FigureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.country, self.indicator, self.year, self.cell)?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, "@{source}"))
    }
}

/// Which part of a figure key is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// A part is missing.
    #[error("the figure key `{text}` has no {part}; write REF_AREA/INDICATOR/TIME/SEX[/CLASSIF1[/CLASSIF2]][@SOURCE]")]
    Missing {
        /// The text.
        text: String,
        /// The missing part.
        part: &'static str,
    },
    /// A part is malformed.
    #[error("in the figure key, {part}: {source}")]
    Part {
        /// The part's name.
        part: &'static str,
        /// What is wrong with it.
        source: InvalidId,
    },
}

impl FromStr for FigureKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let missing = |part| InvalidKey::Missing { text: text.chars().take(120).collect(), part };
        let wrong = |part| move |source| InvalidKey::Part { part, source };
        let (path, source) = match text.split_once('@') {
            Some((path, source)) => (path, Some(source.parse().map_err(wrong("SOURCE"))?)),
            None => (text, None),
        };
        let mut parts = path.splitn(4, '/');
        let country = parts.next().filter(|p| !p.is_empty()).ok_or_else(|| missing("REF_AREA"))?;
        let indicator = parts.next().ok_or_else(|| missing("INDICATOR"))?;
        let year = parts.next().ok_or_else(|| missing("TIME"))?;
        let cell = parts.next().ok_or_else(|| missing("SEX"))?;
        Ok(Self {
            country: country.parse().map_err(wrong("REF_AREA"))?,
            indicator: indicator.parse().map_err(wrong("INDICATOR"))?,
            year: parse_year(year).map_err(wrong("TIME"))?,
            cell: cell.parse().map_err(wrong("SEX or a classification"))?,
            source,
        })
    }
}

/// A reference year, four digits between 1900 and 2199. A Buddhist-era year is out of that range and so refused.
///
/// # Errors
/// The text, when it is not such a year.
pub fn parse_year(text: &str) -> Result<Year, InvalidId> {
    let invalid = || InvalidId {
        kind: "year",
        text: text.chars().take(80).collect(),
        rule: "four digits from 1900 to 2199, common era",
    };
    if text.len() != 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid());
    }
    text.parse::<Year>().ok().filter(|year| (1900..=2199).contains(year)).ok_or_else(invalid)
}

as_text!(FigureKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_and_written_alike() {
        for text in [
            "LAO/MNA_OEMP_SEX_CDS_NB/2023/SEX_F/CDS_DES_KOR",
            "BRN/MST_TEMP_SEX_ECO_CCT_NB/2022/SEX_T/ECO_AGGREGATE_MEL/CCT_CIT_TOTAL@BA:8230",
        ] {
            assert_eq!(text.parse::<FigureKey>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_wrong_part_is_named() {
        let message = |text: &str| text.parse::<FigureKey>().unwrap_err().to_string();
        assert!(message("LAO/MNA_OEMP/2566/SEX_F").contains("TIME"));
        assert!(message("LA/MNA_OEMP/2023/SEX_F").contains("REF_AREA"));
        assert!(message("LAO/MNA_OEMP/2023/F").contains("SEX"));
        assert!(message("LAO/MNA_OEMP/2023").contains("has no SEX"));
    }
}
