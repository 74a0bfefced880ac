//! What the arguments name: one walk over files, folders and globs.

use std::collections::btree_map::{BTreeMap, Entry};
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::source::file::glob::Glob;
use crate::source::file::names;
use crate::source::file::names::STDIN;
use crate::source::file::unfinished::{is_unfinished, version};
use crate::source::{Error, Listing, ObjectName, Split};
use crate::time::Window;

/// What was found so far, by canonical path: the same file is read once, however it is spelled.
#[derive(Default)]
struct Found {
    splits: BTreeMap<OsString, Split>,
    pruned_files: BTreeMap<OsString, ()>,
    pruned_folders: BTreeMap<OsString, ()>,
    skipped: Vec<String>,
    notes: Vec<String>,
    for_ledger: bool,
}

/// Lists what the arguments name. `for_ledger`: files are named by their canonical paths.
pub(super) fn list(args: &[String], window: &Window, for_ledger: bool) -> Result<Listing, Error> {
    let mut found = Found { for_ledger, ..Found::default() };
    for arg in args {
        found.argument(arg, window)?;
    }
    let mut splits: Vec<Split> = found.splits.into_values().collect();
    splits.sort_by(|a, b| a.id.cmp(&b.id));
    found.skipped.sort();
    found.skipped.dedup();
    Ok(Listing {
        splits,
        pruned_files: found.pruned_files.len() as u64,
        pruned_folders: found.pruned_folders.len() as u64,
        skipped: found.skipped,
        notes: found.notes,
    })
}

impl Found {
    fn argument(&mut self, arg: &str, window: &Window) -> Result<(), Error> {
        if arg == STDIN {
            let split = Split { one_shot: true, ..Split::new(STDIN, None) };
            self.splits.insert(OsString::from(STDIN), split);
            return Ok(());
        }
        let skipped = self.skipped.len();
        let read = match std::fs::metadata(arg) {
            Ok(meta) => self.path(Path::new(arg), &meta, window)?,
            // A name with brackets in it is a name first.
            Err(err) if err.kind() == io::ErrorKind::NotFound && arg.contains(['*', '?', '[']) => {
                let (root, glob) = Glob::parse(arg)?;
                self.folder(&root, Some(&glob), window).or_else(|err| match err {
                    Error::Missing { .. } => Ok(0),
                    err => Err(err),
                })?
            }
            Err(err) => return Err(Error::io(arg, err)),
        };
        if read == 0 {
            return Err(Error::Empty { id: arg.to_owned(), skipped: self.skipped.len() - skipped });
        }
        Ok(())
    }

    /// Takes in one path; returns how many files and pruned folders it adds.
    fn path(&mut self, path: &Path, meta: &Metadata, window: &Window) -> Result<usize, Error> {
        if meta.is_dir() {
            return self.folder(path, None, window);
        }
        self.file(path, identity(path), meta, window);
        Ok(1)
    }

    fn file(&mut self, path: &Path, identity: OsString, meta: &Metadata, window: &Window) {
        let size = meta.is_file().then_some(meta.len());
        let one_shot = !meta.is_file();
        let named = if self.for_ledger && !one_shot { Path::new(&identity) } else { path };
        let split = Split::new(names::text(named), size);
        let (inode, names) = inode(meta);
        let split = match one_shot {
            true => split,
            false => Split { etag: version(meta), inode, modified: modified(meta), ..split },
        };
        let split = Split { path: path.to_owned(), one_shot, ..split };
        let identity = match (&split.inode, one_shot && path == Path::new("/dev/stdin")) {
            (_, true) => OsString::from(STDIN),
            // A file that has several names of its own.
            (Some(inode), _) if names > 1 => OsString::from(format!("\0{inode}")),
            _ => identity,
        };
        if !split.name.may_hold(window) {
            self.pruned_files.insert(identity, ());
            return;
        }
        match self.splits.entry(identity) {
            Entry::Vacant(entry) => {
                entry.insert(split);
            }
            // The shortest spelling, so that the order of arguments does not matter and a link that
            // leads back up is not what the file is known by.
            Entry::Occupied(mut entry) if length(&split) < length(entry.get()) => {
                entry.insert(split);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Takes in what a folder contains that is no file: a FIFO, a socket, a device. Opening one may wait for ever, so
    /// it is listed without a size, and opening it reports what it is.
    fn no_file(&mut self, path: &Path) {
        let identity = identity(path);
        let named = if self.for_ledger { Path::new(&identity) } else { path };
        let split = Split { path: path.to_owned(), ..Split::new(names::text(named), None) };
        self.splits.insert(path.as_os_str().to_owned(), split);
    }

    /// Takes in what the walk of a folder could not go into, if it is selected: it is named with the objects that
    /// could not be read.
    fn unreadable(&mut self, path: &Path, glob: Option<&Glob>, root: &Path) -> bool {
        let below = path.strip_prefix(root).unwrap_or(path);
        let is_hidden = path.file_name().is_some_and(|name| is_hidden(&name.to_string_lossy()));
        let is_wanted = !is_hidden && glob.is_none_or(|glob| path.is_dir() || glob.matches(below));
        if is_wanted {
            self.no_file(path);
        }
        is_wanted
    }

    /// Takes in a folder, or what of it a glob selects; returns how many files and pruned folders that is.
    fn folder(
        &mut self,
        root: &Path,
        glob: Option<&Glob>,
        window: &Window,
    ) -> Result<usize, Error> {
        let (mut skipped, mut pruned, mut files) = (Vec::new(), Vec::new(), 0);
        let mut unfinished = Vec::new();
        let is_selected = |entry: &DirEntry| {
            let name = entry.file_name().to_string_lossy();
            if glob.is_some_and(|glob| !glob.admits(entry.depth(), &name)) {
                return false;
            }
            let named = glob.is_some_and(|glob| glob.names_hidden(entry.depth(), &name));
            if entry.depth() > 0 && is_hidden(&name) && !named {
                skipped.push(shown(entry.path()));
                return false;
            }
            let named = glob.is_some_and(|glob| glob.names_ending(entry.depth(), &name));
            if entry.depth() > 0 && !entry.file_type().is_dir() && is_unfinished(&name) && !named {
                unfinished.push(shown(entry.path()));
                return false;
            }
            let folder = entry.file_type().is_dir();
            if folder && !ObjectName::parse(&shown(entry.path())).may_hold(window) {
                pruned.push(identity(entry.path()));
                return false;
            }
            true
        };
        let (mut dangling, mut inside) = (Vec::new(), Inside::default());
        for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(is_selected) {
            let entry = match entry {
                Ok(entry) => entry,
                // What a loop leads back to is read where it is.
                Err(err) if err.loop_ancestor().is_some() => continue,
                Err(err) => {
                    match unwalked(err, root)? {
                        Unwalked::Dangling(link) => dangling.push(link),
                        Unwalked::Unreadable(path) if self.unreadable(&path, glob, root) => {
                            files += 1;
                        }
                        Unwalked::Unreadable(_) => {}
                    }
                    continue;
                }
            };
            let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
            if !entry.file_type().is_dir() && glob.is_none_or(|glob| glob.matches(below)) {
                let meta =
                    entry.metadata().map_err(|err| Error::io(shown(entry.path()), err.into()))?;
                // A glob that starts here yields `a.log`, not `./a.log`.
                let path = if glob.is_some_and(|glob| glob.here) { below } else { entry.path() };
                files += 1;
                if !meta.is_file() {
                    self.no_file(path);
                    continue;
                }
                self.file(path, inside.identity(&entry), &meta, window);
            }
        }
        files += pruned.len();
        if self.for_ledger {
            let note = |name| {
                format!(
                    "{name} has the name of a file that is being written: it is left until it is renamed"
                )
            };
            self.notes.extend(unfinished.iter().map(note));
        }
        self.skipped.extend(skipped);
        self.skipped.extend(unfinished);
        self.skipped.extend(dangling);
        self.pruned_folders.extend(pruned.into_iter().map(|path| (path, ())));
        Ok(files)
    }
}

/// What a walk cannot go into.
enum Unwalked {
    /// A link that leads nowhere.
    Dangling(String),
    /// A folder that may not be listed, a link that leads to itself.
    Unreadable(PathBuf),
}

/// When a file was written, in Unix seconds.
fn modified(meta: &Metadata) -> Option<i64> {
    let modified = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(modified.as_secs()).ok()
}

/// What is the same of a file whatever it is called, and how many names it has.
#[cfg(unix)]
fn inode(meta: &Metadata) -> (Option<String>, u64) {
    use std::os::unix::fs::MetadataExt as _;
    let born = meta.created().ok().and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    // An inode is given to another file once its own is deleted.
    let born = born.map(|born| format!(":{}", born.as_nanos())).unwrap_or_default();
    (Some(format!("{}:{}{born}", meta.dev(), meta.ino())), meta.nlink())
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> (Option<String>, u64) {
    (None, 1)
}

/// Returns what a walk cannot go into; it is an error where it is what the user named.
fn unwalked(err: walkdir::Error, root: &Path) -> Result<Unwalked, Error> {
    let path = err.path().unwrap_or(root).to_owned();
    let is_root = err.depth() == 0;
    let err = err.into_io_error().unwrap_or_else(|| io::Error::other("walking failed"));
    if err.kind() == io::ErrorKind::NotFound && path.is_symlink() {
        return Ok(Unwalked::Dangling(shown(&path)));
    }
    if is_root {
        return Err(Error::io(shown(&path), err));
    }
    Ok(Unwalked::Unreadable(path))
}

fn shown(path: &Path) -> String {
    names::text(path)
}

fn length(split: &Split) -> (usize, &str) {
    (split.path.components().count(), &split.id)
}

/// Returns the identity of the file; a pipe of `/dev/fd` has no canonical path and is its own name.
fn identity(path: &Path) -> OsString {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string()
}

/// A folder whose files are listed, with its canonical path: each of its files need not be looked up on its own,
/// which costs more than reading a small one.
#[derive(Default)]
struct Inside {
    folder: PathBuf,
    canonical: Option<PathBuf>,
}

impl Inside {
    /// As [`identity`], of a file in a folder.
    fn identity(&mut self, entry: &DirEntry) -> OsString {
        let folder = entry.path().parent().filter(|_| entry.depth() > 0);
        let Some(folder) = folder.filter(|_| !entry.path_is_symlink()) else {
            return identity(entry.path());
        };
        if self.canonical.is_none() || self.folder != folder {
            self.folder = folder.to_owned();
            self.canonical = folder.canonicalize().ok();
        }
        match &self.canonical {
            Some(canonical) => canonical.join(entry.file_name()).into_os_string(),
            None => identity(entry.path()),
        }
    }
}

/// Returns whether a name is of a hidden file, or of the markers and checksums that Hadoop, Spark and Hive leave
/// behind.
pub(in crate::source) fn is_hidden(name: &str) -> bool {
    // Keys of S3 may have the segments `.` and `..`, which mean nothing there.
    !matches!(name, "." | "..") && (name.starts_with(['.', '_']) || name.ends_with(".crc"))
}
