//! Storage of the lake, the state and the inventory: a folder or a prefix of S3, as one [`ObjectStore`].
//!
//! Writes are atomic: a name is there whole or not at all. `PutMode::Create` fails when the name is taken, in
//! a folder as in S3: that is what a commit and a checkpoint are built on.

mod folder;
mod probe;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use url::Url;

use crate::aws;
use crate::aws::Account;
use crate::aws::s3::{BucketStore, Location};

/// A folder or a prefix of S3.
#[derive(Clone)]
pub struct Storage {
    /// As the user named it.
    name: String,
    /// Its URL, with a slash at the end.
    url: Url,
    /// What is in it, by names relative to it.
    objects: Arc<dyn ObjectStore>,
    /// The file system or the bucket, by names that are paths of URLs.
    root: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.name).finish()
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is not there, or cannot be made.
    #[error("could not use the folder {name}")]
    Folder {
        /// The folder.
        name: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The URL names no place in S3.
    #[error(transparent)]
    S3(#[from] aws::Error),
    /// The store ignores the condition of a write.
    #[error("{name} ignores {condition}: two runners could both write the same pass")]
    Unconditional {
        /// What was named.
        name: String,
        /// The condition.
        condition: &'static str,
    },
    /// The place cannot be written to or read from.
    #[error("could not write to {name}")]
    Write {
        /// What was named.
        name: String,
        /// Why not.
        source: object_store::Error,
    },
    /// The URL is of something else.
    #[error("{name} is not a storage location: name a folder or s3://bucket/prefix")]
    Scheme {
        /// What was named.
        name: String,
    },
    /// The folder cannot be opened as a store.
    #[error("could not use {name}")]
    Open {
        /// What was named.
        name: String,
        /// Why not.
        source: object_store::Error,
    },
}

impl Error {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unconditional { .. } => Some(
                "use a store with conditional writes, or --single-runner and see to it that one process at a time \
                 writes there",
            ),
            Self::S3(error) => error.hint(),
            _ => None,
        }
    }
}

impl Storage {
    /// Opens a folder that is there, or a prefix of S3. No call is made.
    ///
    /// # Errors
    ///
    /// [`Error::Folder`] when it is not there.
    pub fn open(name: &str, account: &Arc<Account>) -> Result<Self, Error> {
        if let Some(location) = s3(name)? {
            return Self::bucket(name, &location, account);
        }
        let folder = std::fs::canonicalize(name);
        let folder = folder.map_err(|source| Error::Folder { name: name.to_owned(), source })?;
        Self::folder(name, &folder)
    }

    /// As [`Storage::open`], and creates the folder if it is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Folder`] when it cannot be made.
    pub fn create(name: &str, account: &Arc<Account>) -> Result<Self, Error> {
        if s3(name)?.is_none() {
            let made = std::fs::create_dir_all(name);
            made.map_err(|source| Error::Folder { name: name.to_owned(), source })?;
        }
        Self::open(name, account)
    }

    fn bucket(name: &str, location: &Location, account: &Arc<Account>) -> Result<Self, Error> {
        let bucket = BucketStore::new(account.store(), &location.bucket);
        let key = location.key.trim_matches('/');
        let root: Arc<dyn ObjectStore> = Arc::new(bucket);
        let objects: Arc<dyn ObjectStore> = match key {
            "" => Arc::clone(&root),
            key => Arc::new(PrefixStore::new(Arc::clone(&root), key)),
        };
        let url = Url::parse(&format!("s3://{}/{}", location.bucket, slashed(key)));
        let url = url.map_err(|_| Error::Scheme { name: name.to_owned() })?;
        Ok(Self { name: name.trim_end_matches('/').to_owned(), url, objects, root, folder: None })
    }

    fn folder(name: &str, path: &Path) -> Result<Self, Error> {
        let objects = LocalFileSystem::new_with_prefix(path);
        let objects = objects
            .map_err(|source| Error::Open { name: name.to_owned(), source })?
            .with_automatic_cleanup(true);
        let url =
            Url::from_directory_path(path).map_err(|()| Error::Scheme { name: name.to_owned() })?;
        Ok(Self {
            name: name.trim_end_matches('/').to_owned(),
            url,
            objects: folder::store(objects),
            root: folder::store(LocalFileSystem::new()),
            folder: Some(path.to_owned()),
        })
    }

    /// The objects in it, by names relative to it.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// The whole file system or bucket that it is in, by names that are the paths of URLs.
    pub fn root(&self) -> &Arc<dyn ObjectStore> {
        &self.root
    }

    /// Its URL, with a slash at the end.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The folder, where it is one: absolute, without links.
    pub fn as_folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// A folder below it, by a name without a slash at either end.
    pub fn below(&self, name: &str) -> Self {
        Self {
            name: format!("{}/{name}", self.name),
            url: self.url.join(&slashed(name)).unwrap_or_else(|_| self.url.clone()),
            objects: Arc::new(PrefixStore::new(Arc::clone(&self.objects), name)),
            root: Arc::clone(&self.root),
            folder: self.folder.as_ref().map(|folder| folder.join(name)),
        }
    }
}

/// Returns the location of `s3://…`; `None` for a folder.
fn s3(name: &str) -> Result<Option<Location>, Error> {
    match name.split_once("://") {
        Some(("s3", _)) => Ok(Some(Location::parse(name)?)),
        Some(_) => Err(Error::Scheme { name: name.to_owned() }),
        None => Ok(None),
    }
}

/// A folder's name as the end of a URL.
fn slashed(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{name}/") }
}

impl Storage {
    /// Syncs objects to disk; S3 needs no sync.
    pub fn sync<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
        let Some(folder) = &self.folder else { return Ok(()) };
        for name in names {
            let path = folder.join(name);
            let open = |path: &Path| std::fs::File::open(path)?.sync_all();
            let synced = open(&path).and_then(|()| path.parent().map_or(Ok(()), open));
            synced.map_err(|source| Error::Folder { name: path.display().to_string(), source })?;
        }
        Ok(())
    }
}
