//! Embeds the SQL files of `queries/detections` and `queries/reports`, so that a new one needs no Rust, and the commit that
//! `flowq --version` prints.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What a build depends on, relative to the root: a change of one of them means that the build is not the commit.
const BUILD_INPUTS: &[&str] = &["src", "queries", "build.rs", "Cargo.toml", "Cargo.lock"];

/// Characters of a commit id in the version.
const COMMIT_LENGTH: usize = 12;

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

/// The output of a git command in the root, if git is there and it succeeds.
fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output =
        Command::new("git").arg("--no-optional-locks").args(args).current_dir(root).output();
    let output = output.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

/// The commit of the working tree, with a mark if a build input differs from it.
fn commit_of_the_tree(root: &Path) -> Option<String> {
    let top = fs::canonicalize(git(root, &["rev-parse", "--show-toplevel"])?).ok()?;
    if top != fs::canonicalize(root).ok()? {
        // A copy of the sources in another project's repository: that commit is not flowq's.
        return None;
    }
    // `logs/HEAD` grows with every commit, rebase and checkout; HEAD alone changes only with the branch.
    for name in ["HEAD", "logs/HEAD"] {
        let path = root.join(git(root, &["rev-parse", "--git-path", name])?);
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    for input in BUILD_INPUTS {
        println!("cargo:rerun-if-changed={}", root.join(input).display());
    }
    let commit = git(root, &["rev-parse", "HEAD"])?;
    let commit = commit.get(..COMMIT_LENGTH)?;
    let status = [&["status", "--porcelain", "--untracked-files=no", "--"], BUILD_INPUTS].concat();
    let mark = if git(root, &status)?.is_empty() { "" } else { ", modified" };
    Some(format!("{commit}{mark}"))
}

/// The commit that Cargo noted in a package of the registry.
fn commit_of_the_package(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join(".cargo_vcs_info.json")).ok()?;
    let commit = text.split("\"sha1\":").nth(1)?.split('"').nth(1)?;
    commit.get(..COMMIT_LENGTH).map(str::to_owned)
}

/// `0.1.0 (0123456789ab)`; without the commit where no one can tell it. Time and machine are not in it: the same commit
/// gives the same bytes.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes the parameters of a build script in its environment"
)]
fn version(root: &Path) -> String {
    println!("cargo:rerun-if-env-changed=FLOWQ_COMMIT");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let given = env::var("FLOWQ_COMMIT").ok().filter(|commit| !commit.is_empty());
    let given = given.map(|commit| commit.chars().take(COMMIT_LENGTH).collect());
    let commit = given.or_else(|| commit_of_the_package(root)).or_else(|| commit_of_the_tree(root));
    commit.map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"))
}

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());

    println!("cargo:rustc-env=FLOWQ_VERSION={}", version(&root));

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
