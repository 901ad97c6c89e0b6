//! `rondo completions` and `rondo manual`: what a shell and `man` know of this program, made from its own arguments.

use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;
use crate::failure::Failure;
use crate::output::{hint, line};

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rondo", &mut text);
    line(String::from_utf8_lossy(&text).trim_end())
}

/// Writes one page a verb.
pub(crate) fn write(out: &Path) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("cannot write to {}: {e}", out.display()));
    std::fs::create_dir_all(out).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), out).map_err(failed)?;
    hint(&format!("The manual is in {}; it begins with rondo.1.", out.display()));
    Ok(())
}
