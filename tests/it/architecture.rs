//! The shape of the house: which room imports which, and how large a file may grow.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, in reading order. A room imports only rooms that stand before it.
const ROOMS: &[&str] = &[
    "flow",
    "aws",
    "store",
    "lake",
    "inventory",
    "vpc",
    "reach",
    "source",
    "context",
    "engine",
    "detection",
    "audit",
    "explain",
    "baseline",
    "alert",
    "metrics",
    "config",
    "state",
    "pass",
    "feed",
    "sample",
    "cli",
];

/// Lines of a file, tests apart.
const LINES_MAX: usize = 400;

fn files_below(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        found.push(path.to_owned());
        return;
    }
    for entry in fs::read_dir(path).into_iter().flatten() {
        files_below(&entry.unwrap().path(), found);
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files_below(&root.join("src"), &mut found);
    found.sort();
    // Tests may reach for whatever sets up their data.
    found.retain(|path| !path.components().any(|part| part.as_os_str() == "tests"));
    found.retain(|path| !path.ends_with("tests.rs"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root).unwrap().to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

fn room(path: &Path) -> Option<&'static str> {
    let name = path.components().nth(1)?.as_os_str().to_str()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    ROOMS.iter().find(|room| **room == name).copied()
}

#[test]
fn imports_point_up_the_list() {
    for (path, text) in sources() {
        let Some(here) = room(&path) else { continue };
        let rank = ROOMS.iter().position(|room| *room == here).unwrap();
        for later in &ROOMS[rank + 1..] {
            assert!(
                !text.contains(&format!("crate::{later}::"))
                    && !text.contains(&format!("crate::{later};")),
                "{} imports {later}, which comes after {here}",
                path.display()
            );
        }
    }
}

#[test]
fn every_room_is_on_the_list() {
    for (path, _) in sources() {
        let known = room(&path).is_some();
        let root = matches!(path.to_str(), Some("src/lib.rs" | "src/main.rs"));
        assert!(known || root, "{} belongs to no room", path.display());
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines of code", path.display());
    }
}

#[test]
fn imports_are_one_a_room() {
    for (path, text) in sources() {
        assert!(!text.contains("use crate::{"), "{} groups rooms in one import", path.display());
    }
}

#[test]
fn only_the_engine_names_its_session() {
    for (path, text) in sources() {
        if matches!(room(&path), Some("engine")) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        assert!(
            !code.contains("SessionContext::new"),
            "{} makes a session of its own",
            path.display()
        );
    }
}

#[test]
fn every_detection_has_cases_that_fire_and_cases_that_stay_quiet() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/detections");
    let mut found = Vec::new();
    files_below(&folder, &mut found);
    let detections = found.iter().filter(|path| path.extension().is_some_and(|end| end == "sql"));
    for detection in detections {
        let cases = fs::read_to_string(detection.with_extension("cases.toml")).unwrap();
        let quiet = cases.contains("findings = \"\"");
        let fires = cases.contains("findings = \"\"\"");
        assert!(quiet && fires, "{} lacks a firing or a quiet case", detection.display());
    }
}
