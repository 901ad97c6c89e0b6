//! The questionnaire's tables and code lists, and figures read from and written to text.

mod definition;
mod text;

pub use definition::read_questionnaire;
pub use text::{ReadError, TextFile, machine_text, people_text, read_text};
