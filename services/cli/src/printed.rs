//! Pages that are printed or handed on: a heading, sentences and tables, in one file that needs nothing else.

use std::path::Path;

use askama::Template;

use crate::failure::Failure;
use crate::output::hint;

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) heading: &'static str,
    pub(crate) is_number: bool,
}

/// A column of words.
pub(crate) const fn words(heading: &'static str) -> Column {
    Column { heading, is_number: false }
}

/// A column of numbers.
pub(crate) const fn number(heading: &'static str) -> Column {
    Column { heading, is_number: true }
}

/// A part of a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Section {
    pub(crate) heading: String,
    /// Whether it begins a sheet of its own when printed.
    pub(crate) begins_page: bool,
    pub(crate) sentences: Vec<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// A page.
#[derive(Debug, Clone, Template)]
#[template(path = "printed.html")]
pub(crate) struct Printed {
    pub(crate) title: String,
    pub(crate) lead: Vec<String>,
    pub(crate) sections: Vec<Section>,
    /// What it was made from, and when.
    pub(crate) foot: String,
}

impl Printed {
    /// Writes it into a file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let page = self.render().map_err(|e| Failure::of(&e))?;
        write(path, page.as_bytes())?;
        hint(&format!("Written: {}", path.display()));
        Ok(())
    }
}

/// Writes a file whole, or leaves what was there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // What is no file is not replaced by one.
    if std::fs::symlink_metadata(path).is_ok_and(|known| !known.is_file()) {
        return Err(Failure::usage(format!("{} is there and is no file; nothing was written", path.display())));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = Path::new(&beside);
    let written = std::fs::write(beside, bytes).and_then(|()| std::fs::rename(beside, path));
    written.map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))
}
