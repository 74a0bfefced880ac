//! Embeds the SQL files of `queries/detections` and `queries/reports`: a new one needs no Rust.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The SQL files of a folder, sorted by name.
fn sql_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A name without its ending, as the source text of a string.
fn id(path: &Path) -> String {
    format!("{:?}", path.file_stem().unwrap_or_default().to_string_lossy())
}

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());

    let mut detections = String::from("&[\n");
    for sql in sql_files(&root.join("queries/detections"))? {
        let (id, cases) = (id(&sql), sql.with_extension("cases.toml"));
        _ = writeln!(detections, "({id}, include_str!({sql:?}), include_str!({cases:?})),");
    }
    fs::write(out.join("detections.rs"), detections + "]\n")?;

    // flowq's own reports come first, then those of AWS's documentation.
    let mut files = sql_files(&root.join("queries/reports"))?;
    files.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (["athena-", "insights-"].iter().any(|start| name.starts_with(start)), name)
    });
    let mut reports = String::from("&[\n");
    for sql in files {
        let id = id(&sql);
        _ = writeln!(reports, "({id}, include_str!({sql:?})),");
    }
    fs::write(out.join("reports.rs"), reports + "]\n")
}
