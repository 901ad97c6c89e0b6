//! Packs the workflows of this source tree into the program, so that it needs no folder at run time.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?).join("../../workflows");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut code = String::from(
        "/// Every file of the workflows folder: path and text.\npub(crate) const FILES: &[(&str, &str)] = &[\n",
    );
    for path in files {
        let name = path.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
        let full = path.canonicalize()?;
        let _ = writeln!(code, "    ({name:?}, include_str!({:?})),", full.to_string_lossy());
    }
    code.push_str("];\n");
    println!("cargo::rerun-if-changed={}", root.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("workflows.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|kind| ["toml", "csv", "txt", "md", "mjml"].iter().any(|known| kind == *known))
        {
            files.push(path);
        }
    }
    Ok(())
}
