//! The folder of a session's temporary files, readable by its user only, and the deletion of leftovers of killed
//! sessions.

use std::fs::{DirEntry, File, Metadata, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use tempfile::TempDir;

/// How the names of these folders begin.
const PREFIX: &str = "flowq-";

/// The file in each on which its session has a lock, as long as it lives.
const LOCK: &str = "in-use";

/// A folder younger than this may not have its lock yet.
const AGE_MIN: Duration = Duration::from_secs(60);

/// A folder; goes when dropped.
#[derive(Debug)]
pub(super) struct TempFolder {
    // Dropped first: a folder that is being deleted has no owner.
    folder: TempDir,
    _lock: File,
}

impl TempFolder {
    /// Creates a folder, and the first time deletes those of sessions that were killed.
    pub(super) fn create() -> io::Result<Self> {
        static SWEPT: Once = Once::new();
        let root = std::env::temp_dir();
        let made = Self::create_in(&root).map_err(|error| {
            let text = format!("cannot make a folder in {}: {error}", root.display());
            io::Error::new(error.kind(), text)
        })?;
        SWEPT.call_once(|| made.sweep(&root, AGE_MIN));
        Ok(made)
    }

    fn create_in(root: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir_in(root)?;
        let lock = File::create_new(folder.path().join(LOCK))?;
        // A file system without locks has nothing swept.
        lock.try_lock().or_else(|error| match error {
            TryLockError::WouldBlock => Ok(()),
            TryLockError::Error(_) => std::fs::remove_file(folder.path().join(LOCK)),
        })?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Deletes folders of the same user whose sessions are no more. What cannot be deleted does no harm.
    fn sweep(&self, root: &Path, age_min: Duration) {
        let (Ok(own), Ok(entries)) = (self.path().metadata(), root.read_dir()) else { return };
        for entry in entries.flatten() {
            if is_left(&entry, &own, age_min).unwrap_or(false) {
                drop(std::fs::remove_dir_all(entry.path()));
            }
        }
    }
}

fn is_left(entry: &DirEntry, own: &Metadata, age_min: Duration) -> io::Result<bool> {
    let is_named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
    // Not that of what a link leads to.
    let metadata = entry.metadata()?;
    let is_old = metadata.modified()?.elapsed().is_ok_and(|age| age >= age_min);
    if !is_named || !metadata.is_dir() || !is_same_owner(&metadata, own) || !is_old {
        return Ok(false);
    }
    let lock = File::open(entry.path().join(LOCK))?;
    Ok(lock.try_lock().is_ok())
}

#[cfg(unix)]
fn is_same_owner(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    a.uid() == b.uid()
}

#[cfg(not(unix))]
fn is_same_owner(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_killed_session_left_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let made = TempFolder::create_in(root.path()).unwrap();
        let other = TempFolder::create_in(root.path()).unwrap();
        // Killed: its folder stays, and its lock is free.
        let killed = TempFolder::create_in(root.path()).unwrap();
        std::fs::write(killed.path().join("rows.parquet"), "x").unwrap();
        let (left, lock) = (killed.folder.keep(), killed._lock);
        // Folders of others have no such file.
        let strange = root.path().join("flowq-notes");
        std::fs::create_dir(&strange).unwrap();
        made.sweep(root.path(), Duration::from_secs(3600));
        assert!(left.exists());
        drop(lock);
        made.sweep(root.path(), Duration::ZERO);
        assert!(!left.exists());
        assert!(strange.exists() && made.path().exists() && other.path().exists());
        let path = other.path().to_owned();
        drop(other);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let made = TempFolder::create().unwrap();
        assert_eq!(made.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
