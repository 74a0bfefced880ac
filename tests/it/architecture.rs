//! The structure of the crate: which room imports which, the order of files in a room, and names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, in import order. A room imports only rooms before it.
const ROOMS: &[&str] = &[
    "time",
    "diagnostics",
    "http_server",
    "batch",
    "chart",
    "flow",
    "aws",
    "storage",
    "lake",
    "inventory",
    "vpc",
    "reachability",
    "source",
    "allow",
    "enrich",
    "scan",
    "query",
    "engine",
    "detection",
    "audit",
    "explain",
    "baseline",
    "alert",
    "metrics",
    "config",
    "state",
    "ingest",
    "feed",
    "generate",
    "serve",
    "cli",
];

/// Words that are no terms of the field. No public type has one of these names.
const FORBIDDEN_TYPES: &[&str] = &[
    "Told", "Taken", "Kept", "Held", "Asked", "Said", "Several", "Place", "Answer", "Seen", "Ask",
    "Known", "Chosen", "Why", "Way", "Who", "Whose", "Left", "Made", "Wanted", "Say", "Thing",
];

/// Lines of a file, tests apart.
const LINES_MAX: usize = 400;

/// Lines of code of a room, without tests, comments and blank lines; only `cli` may be larger.
const ROOM_LINES_MAX: usize = 4_500;

/// A module of the crate: `["flow", "decoder"]`.
type Module = Vec<String>;

fn files_below(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        found.push(path.to_owned());
        return;
    }
    for entry in fs::read_dir(path).into_iter().flatten() {
        files_below(&entry.unwrap().path(), found);
    }
}

/// Every file of `src` without its tests, with its path below the root of the project.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files_below(&root.join("src"), &mut found);
    found.sort();
    // Tests may import whatever sets up their data.
    found.retain(|path| !path.components().any(|part| part.as_os_str() == "tests"));
    found.retain(|path| !path.ends_with("tests.rs"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        (path.strip_prefix(root).unwrap().to_owned(), code.to_owned())
    };
    found.into_iter().map(read).collect()
}

fn room(path: &Path) -> Option<&'static str> {
    let name = path.components().nth(1)?.as_os_str().to_str()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    ROOMS.iter().find(|room| **room == name).copied()
}

/// The module of a file: `src/flow/decoder.rs` is `flow::decoder`, `src/flow/mod.rs` is `flow`.
fn module(path: &Path) -> Module {
    let below = path.strip_prefix("src").unwrap().with_extension("");
    let mut parts: Module = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// A file without its comments.
fn without_comments(code: &str) -> String {
    let line = |line: &str| match line.find("//") {
        Some(at) => line[..at].to_owned(),
        None => line.to_owned(),
    };
    code.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The `use` statements of a file: the visibility of a re-export, else nothing, and its tree.
fn uses(code: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        let is_public = before.starts_with("pub") && !before.contains(' ');
        if before.is_empty() || is_public {
            let tree = code[at + 4..].split(';').next().unwrap_or_default();
            found.push((before, tree.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

/// The paths that a `use` tree names, without aliases and `self`.
fn leaves(tree: &str, prefix: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        let path = format!("{prefix}{path}");
        found.push(path.strip_suffix("::self").unwrap_or(&path).to_owned());
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut from) = (0, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                leaves(&inner[from..at], &prefix, found);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !inner[from..].trim().is_empty() {
        leaves(&inner[from..], &prefix, found);
    }
}

/// The modules of the crate, what each re-exports, and which files of its own room each imports.
struct Imports {
    modules: BTreeSet<Module>,
    exports: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl Imports {
    fn new(files: &[(PathBuf, String)]) -> Self {
        let modules: BTreeSet<Module> = files.iter().map(|(path, _)| module(path)).collect();
        let mut imports = Self { modules, exports: BTreeMap::new() };
        for (path, code) in files {
            let here = module(path);
            for (visibility, tree) in uses(&without_comments(code)) {
                let mut paths = Vec::new();
                leaves(&tree, "", &mut paths);
                let paths = paths.iter().filter_map(|path| imports.absolute(&here, path));
                let own: Vec<Module> = paths.filter(|_| !visibility.is_empty()).collect();
                for target in own {
                    let name = target.last().cloned().unwrap_or_default();
                    imports.exports.entry(here.clone()).or_default().insert(name, target);
                }
            }
        }
        imports
    }

    /// A path from the root of the crate. `None`: it leads into another crate.
    fn absolute(&self, here: &Module, path: &str) -> Option<Module> {
        let mut parts: Vec<String> = path.split("::").map(str::to_owned).collect();
        let mut base = match parts[0].as_str() {
            "crate" => Vec::new(),
            "self" | "super" => here.clone(),
            name => {
                let child: Module = here.iter().cloned().chain([name.to_owned()]).collect();
                if !self.modules.contains(&child) {
                    return None;
                }
                return Some(here.iter().cloned().chain(parts).collect());
            }
        };
        if parts[0] == "crate" || parts[0] == "self" {
            parts.remove(0);
        }
        while parts.first().is_some_and(|part| part == "super") {
            parts.remove(0);
            base.pop();
        }
        base.extend(parts);
        Some(base)
    }

    /// The file in which the item of a path is defined, re-exports followed.
    fn definition(&self, path: &Module) -> Option<Module> {
        let mut path = path.clone();
        for _ in 0..8 {
            let length = (1..=path.len()).rev().find(|&n| self.modules.contains(&path[..n]))?;
            let (module, rest) = path.split_at(length);
            let export = rest.first().and_then(|name| self.exports.get(module)?.get(name));
            match export {
                Some(target) if *target != path => {
                    path = target.iter().chain(&rest[1..]).cloned().collect();
                }
                _ => return Some(module.to_vec()),
            }
        }
        None
    }

    /// The files of its own room that a file imports.
    fn of(&self, path: &Path, code: &str) -> BTreeSet<Module> {
        let (here, code) = (module(path), without_comments(code));
        let is_root = path.ends_with("mod.rs")
            || self
                .modules
                .iter()
                .any(|module| module.len() > here.len() && module.starts_with(&here));
        let mut paths = Vec::new();
        for (visibility, tree) in uses(&code) {
            let mut found = Vec::new();
            leaves(&tree, "", &mut found);
            // A module lists its children; that is no import.
            let is_child = |path: &String| {
                self.absolute(&here, path).is_some_and(|path| path.starts_with(&here))
            };
            found.retain(|path| visibility.is_empty() || !is_root || !is_child(path));
            paths.extend(found);
        }
        for start in ["crate::", "super::"] {
            for (at, _) in code.match_indices(start) {
                let end =
                    |letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':';
                let path = code[at..].split(end).next().unwrap_or_default();
                paths.push(path.trim_end_matches(':').to_owned());
            }
        }
        let targets = paths.iter().filter_map(|path| self.definition(&self.absolute(&here, path)?));
        targets.filter(|target| *target != here && target.first() == here.first()).collect()
    }
}

/// Returns the files that import each other in a circle, if there are any.
fn circle(edges: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    fn visit(
        at: &Module,
        edges: &BTreeMap<Module, BTreeSet<Module>>,
        done: &mut BTreeSet<Module>,
        path: &mut Vec<Module>,
    ) -> Option<Vec<Module>> {
        if let Some(from) = path.iter().position(|module| module == at) {
            return Some(path[from..].to_vec());
        }
        if done.contains(at) {
            return None;
        }
        path.push(at.clone());
        let next = edges.get(at).into_iter().flatten();
        let found = next.filter_map(|next| visit(next, edges, done, path)).next();
        path.pop();
        done.insert(at.clone());
        found
    }
    let mut done = BTreeSet::new();
    edges.keys().find_map(|at| visit(at, edges, &mut done, &mut Vec::new()))
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
fn files_of_a_room_import_each_other_in_one_direction() {
    let files = sources();
    let imports = Imports::new(&files);
    let mut edges = BTreeMap::new();
    for (path, code) in files.iter().filter(|(path, _)| room(path).is_some()) {
        edges.insert(module(path), imports.of(path, code));
    }
    assert!(edges.values().any(|targets| !targets.is_empty()), "no import was found");
    if let Some(found) = circle(&edges) {
        let names: Vec<String> = found.iter().map(|module| module.join("::")).collect();
        panic!("these files import each other in a circle: {}", names.join(" -> "));
    }
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec!["room".to_owned(), name.to_owned()];
    let mut edges = BTreeMap::from([
        (module("a"), BTreeSet::from([module("b")])),
        (module("b"), BTreeSet::from([module("c")])),
        (module("c"), BTreeSet::new()),
    ]);
    assert_eq!(circle(&edges), None);
    edges.insert(module("c"), BTreeSet::from([module("b")]));
    assert_eq!(circle(&edges), Some(vec![module("b"), module("c")]));
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
    for (path, code) in sources() {
        let lines = code.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines of code", path.display());
    }
}

#[test]
fn rooms_stay_small() {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, code) in sources() {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let count = code.lines().filter(is_code).count();
        *lines.entry(room(&path).unwrap_or("root")).or_default() += count;
    }
    for (room, lines) in lines {
        assert!(room == "cli" || lines <= ROOM_LINES_MAX, "{room} has {lines} lines of code");
    }
}

#[test]
fn one_use_statement_a_module() {
    for (path, code) in sources() {
        let mut seen = BTreeSet::new();
        for (visibility, tree) in uses(&code) {
            let prefix = match tree.find('{') {
                Some(open) => tree[..open].to_owned(),
                None => tree
                    .rsplit_once("::")
                    .map(|(prefix, _)| format!("{prefix}::"))
                    .unwrap_or_default(),
            };
            let is_new = prefix.is_empty()
                || tree.contains(" as _")
                || seen.insert((visibility, prefix.clone()));
            // Statements inside functions and `cfg` blocks may name a module again.
            let indented = code.contains(&format!("    use {prefix}"));
            assert!(is_new || indented, "{} imports {prefix} in two statements", path.display());
        }
    }
}

/// The public types of the crate with their files.
fn public_types() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for (path, code) in sources() {
        for line in code.lines() {
            for kind in ["pub struct ", "pub enum ", "pub trait ", "pub type "] {
                if let Some(rest) = line.strip_prefix(kind) {
                    let end = |letter: char| !letter.is_alphanumeric() && letter != '_';
                    let name = rest.split(end).next().unwrap_or_default();
                    found.push((name.to_owned(), path.clone()));
                }
            }
        }
    }
    found
}

#[test]
fn public_types_have_names_of_the_field() {
    for (name, path) in public_types() {
        assert!(!FORBIDDEN_TYPES.contains(&name.as_str()), "{} in {}", name, path.display());
    }
}

#[test]
fn a_public_type_has_a_name_of_its_own() {
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (name, path) in public_types() {
        // Each room has its own errors, options and configuration, named through the room.
        if !matches!(name.as_str(), "Error" | "Warning" | "Options" | "Config" | "Kind") {
            files.entry(name).or_default().push(path);
        }
    }
    // What a command line takes is called as its command is.
    files.values_mut().for_each(|paths| paths.retain(|path| !path.starts_with("src/cli")));
    for (name, paths) in files {
        assert!(paths.len() <= 1, "{name} is defined in {paths:?}");
    }
}

#[test]
fn only_the_engine_creates_a_session() {
    for (path, code) in sources() {
        if matches!(room(&path), Some("engine")) {
            continue;
        }
        assert!(
            !code.contains("SessionContext::new"),
            "{} creates a session of its own",
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

/// The names of the SQL files of a folder of `queries`, without their ending, sorted.
fn sql_names(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries").join(folder);
    let mut found = Vec::new();
    files_below(&folder, &mut found);
    found.retain(|path| path.extension().is_some_and(|end| end == "sql"));
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = found.into_iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_detection_or_report_is_added_by_its_file_alone() {
    let detections = flowq::detection::built_in().unwrap();
    let mut ids: Vec<String> = detections.into_iter().map(|detection| detection.id).collect();
    ids.sort();
    assert_eq!(ids, sql_names("detections"));
    let mut ids: Vec<String> =
        flowq::query::reports::reports().unwrap().into_iter().map(|report| report.id).collect();
    ids.sort();
    assert_eq!(ids, sql_names("reports"));
}
