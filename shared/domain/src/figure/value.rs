//! A figure's value: a decimal as the country wrote it, or the reason there is none.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// ILOSTAT value status (code list of the production system, December 2019). Not SDMX's: the same letters differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ObsStatus {
    /// Break in series.
    B,
    /// Confidential.
    C,
    /// Estimate.
    E,
    /// Forecast.
    F,
    /// Imputation.
    I,
    /// Computed value.
    L,
    /// Model-based extrapolation.
    M,
    /// Not available.
    N,
    /// Provisional.
    P,
    /// Real value.
    R,
    /// Not significant.
    S,
    /// Unreliable.
    U,
    /// Not applicable.
    X,
    /// Non-official estimated value.
    Z,
}

impl ObsStatus {
    /// Every status.
    pub const ALL: [Self; 14] = [
        Self::B,
        Self::C,
        Self::E,
        Self::F,
        Self::I,
        Self::L,
        Self::M,
        Self::N,
        Self::P,
        Self::R,
        Self::S,
        Self::U,
        Self::X,
        Self::Z,
    ];

    /// The status with this letter.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.letter() == text)
    }

    /// Its letter.
    pub fn letter(self) -> &'static str {
        match self {
            Self::B => "B",
            Self::C => "C",
            Self::E => "E",
            Self::F => "F",
            Self::I => "I",
            Self::L => "L",
            Self::M => "M",
            Self::N => "N",
            Self::P => "P",
            Self::R => "R",
            Self::S => "S",
            Self::U => "U",
            Self::X => "X",
            Self::Z => "Z",
        }
    }

    /// Whether the status says why a value is missing.
    pub fn explains_absence(self) -> bool {
        matches!(self, Self::N | Self::X | Self::C | Self::S)
    }
}

/// A figure's value in the table's unit (thousands of persons, local currency), with its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureValue {
    /// The number with the digits the country wrote; absent where `status` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Decimal>,
    /// The status flag; absent means a plain value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ObsStatus>,
}

impl FigureValue {
    /// A plain value.
    pub fn of(value: Decimal) -> Self {
        Self { value: Some(value), status: None }
    }

    /// What of it is published: a confidential value is not shown (R70).
    pub fn shown(&self) -> Self {
        if self.status == Some(ObsStatus::C) { Self { value: None, status: self.status } } else { self.clone() }
    }
}

impl std::fmt::Display for FigureValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.value, self.status) {
            (Some(value), Some(status)) => write!(f, "{value} [{}]", status.letter()),
            (Some(value), None) => write!(f, "{value}"),
            (None, Some(status)) => write!(f, "[{}]", status.letter()),
            (None, None) => f.write_str("blank"),
        }
    }
}
