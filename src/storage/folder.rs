//! A folder as an object store whose writes outlive a loss of power.
//!
//! `object_store` links or renames a file that it has just written, without asking the system to write it
//! out: after a loss of power the name can be there and the content not. What is empty then is a commit of the
//! lake, a pass, the memory of a sink. Here the content is on disk before the name is.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result,
};
use tokio::task::spawn_blocking;

/// A folder; what is put into it is on disk before it has its name.
#[derive(Debug)]
pub(super) struct Folder(pub(super) LocalFileSystem);

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let is_create = match &options.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            // It refuses, in its own words.
            PutMode::Update(_) => return self.0.put_opts(location, payload, options).await,
        };
        let path = self.0.path_to_filesystem(location)?;
        let name = location.to_string();
        let written = spawn_blocking(move || write(&path, &payload, is_create)).await;
        match written.map_err(std::io::Error::from).and_then(|written| written) {
            Ok(()) => Ok(PutResult { e_tag: None, version: None }),
            Err(source) if is_create && source.kind() == ErrorKind::AlreadyExists => {
                Err(Error::AlreadyExists { path: name, source: Box::new(source) })
            }
            Err(source) => Err(Error::Generic { store: "folder", source: Box::new(source) }),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.0.rename_opts(from, to, options).await
    }
}

/// Writes a file beside its name and then gives it the name. The names in between are those of `object_store`,
/// which no listing shows.
fn write(path: &std::path::Path, payload: &PutPayload, is_create: bool) -> std::io::Result<()> {
    let (mut file, staged) = stage(path)?;
    let written = payload.iter().try_for_each(|part| file.write_all(part));
    let named = written.and_then(|()| file.sync_all()).and_then(|()| {
        drop(file);
        if is_create { std::fs::hard_link(&staged, path) } else { std::fs::rename(&staged, path) }
    });
    if is_create || named.is_err() {
        // A leftover does no harm.
        drop(std::fs::remove_file(&staged));
    }
    named?;
    sync_folder(path)
}

/// Creates a file under a name that is free.
fn stage(path: &std::path::Path) -> std::io::Result<(File, PathBuf)> {
    let mut number = 1_u64;
    loop {
        let mut staged = path.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        let staged = PathBuf::from(staged);
        match OpenOptions::new().write(true).create_new(true).open(&staged) {
            Ok(file) => return Ok((file, staged)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = path.parent().ok_or(error)?;
                std::fs::create_dir_all(folder)?;
                sync_folder(folder)?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Writes out the names in the folder of a path.
fn sync_folder(path: &std::path::Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Creates the store of a folder.
pub(super) fn store(folder: LocalFileSystem) -> Arc<dyn ObjectStore> {
    Arc::new(Folder(folder))
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;

    use super::*;

    #[tokio::test]
    async fn a_name_is_taken_once_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let store = store(local);
        let path = Path::from("a/b/c.json");
        let put = |text: &'static str, mode: PutMode| {
            let (store, path) = (Arc::clone(&store), path.clone());
            async move { store.put_opts(&path, PutPayload::from(text), mode.into()).await }
        };
        put("1", PutMode::Create).await.unwrap();
        let taken = put("2", PutMode::Create).await.unwrap_err();
        assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "1");
        put("3", PutMode::Overwrite).await.unwrap();
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "3");
        let there = std::fs::read_dir(folder.path().join("a/b")).unwrap();
        let names: Vec<_> = there.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["c.json"]);
    }
}
