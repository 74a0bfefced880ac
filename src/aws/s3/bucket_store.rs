//! A bucket as an [`ObjectStore`], for what is stored there: the lake and its state.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result, UploadPart,
};

use crate::aws;
use crate::aws::Kind;
use crate::aws::s3::{Condition, Location, Object, Page, S3Client, S3Object};

/// How many objects are deleted at a time.
const DELETES: usize = 16;

/// The largest object that S3 takes in one request.
const PUT_BYTES_MAX: usize = 5 << 30;

/// One bucket of S3. Objects are written whole: an upload in parts is buffered in memory until it is complete.
#[derive(Debug, Clone)]
pub struct BucketStore {
    store: S3Client,
    name: String,
}

impl fmt::Display for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)
    }
}

impl BucketStore {
    /// Creates an object store of a bucket. No call is made.
    pub fn new(store: S3Client, name: impl Into<String>) -> Self {
        Self { store, name: name.into() }
    }

    fn at(&self, path: &Path) -> Location {
        Location::new(&self.name, path.as_ref())
    }

    fn failed(&self, path: &Path, error: aws::Error) -> Error {
        failed(self.at(path).to_string(), error)
    }

    /// Lists what is below a folder. `after`: only what comes after this key.
    fn pages(
        &self,
        prefix: Option<&Path>,
        delimiter: bool,
        after: Option<String>,
    ) -> BoxStream<'static, Result<Page>> {
        let folder = prefix.map(AsRef::as_ref).filter(|text: &&str| !text.is_empty());
        let key = folder.map(|text| format!("{text}/")).unwrap_or_default();
        let location = Location::new(&self.name, key);
        let start = (self.store.clone(), location, after, Some(None::<String>));
        stream::try_unfold(start, move |(store, location, after, token)| async move {
            let Some(token) = token else { return Ok(None) };
            let page = store.list(&location, delimiter, after.as_deref(), token.as_deref()).await;
            let page = page.map_err(|error| failed(location.to_string(), error))?;
            let next = page.next.clone().map(Some);
            Ok(Some((page, (store, location, after, next))))
        })
        .boxed()
    }
}

/// An object of a listing; `None` for a key that no path can represent, such as that of a folder.
fn meta(object: Object) -> Option<ObjectMeta> {
    Some(ObjectMeta {
        location: Path::parse(&object.key).ok()?,
        last_modified: DateTime::from_timestamp(object.modified.unwrap_or(0), 0)?,
        size: object.size_bytes.unwrap_or(0),
        e_tag: object.etag,
        version: None,
    })
}

fn failed(path: String, error: aws::Error) -> Error {
    let source = Box::new(error.clone());
    match error.kind {
        Kind::Missing => Error::NotFound { path, source },
        Kind::Changed => Error::Precondition { path, source },
        Kind::Denied | Kind::Kms => Error::PermissionDenied { path, source },
        Kind::Credentials => Error::Unauthenticated { path, source },
        _ => Error::Generic { store: "S3", source },
    }
}

#[async_trait]
impl ObjectStore for BucketStore {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let condition = match &options.mode {
            PutMode::Overwrite => Condition::None,
            PutMode::Create => Condition::Absent,
            PutMode::Update(version) => match &version.e_tag {
                Some(etag) => Condition::Version(etag.clone()),
                None => return Err(unsupported("an update without an ETag")),
            },
        };
        let bytes: Bytes = payload.into();
        match self.store.put_if(&self.at(path), bytes, &condition).await {
            Ok(e_tag) => Ok(PutResult { e_tag, version: None }),
            Err(error) if error.kind == Kind::Changed && condition == Condition::Absent => {
                let path = self.at(path).to_string();
                Err(Error::AlreadyExists { path, source: Box::new(error) })
            }
            Err(error) => Err(self.failed(path, error)),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload { bucket: self.clone(), path: path.clone(), parts: BytesMut::new() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let head = self.store.stat(&self.at(path)).await;
        let head = head.map_err(|error| self.failed(path, error))?;
        let size = head.size_bytes.unwrap_or(0);
        let meta = ObjectMeta {
            location: path.clone(),
            last_modified: DateTime::from_timestamp(head.modified.unwrap_or(0), 0)
                .unwrap_or_default(),
            size,
            e_tag: head.etag.clone(),
            version: None,
        };
        options.check_preconditions(&meta)?;
        let range = match options.range {
            _ if options.head => 0..0,
            None => 0..size,
            Some(GetRange::Bounded(range)) => range.start.min(size)..range.end.min(size),
            Some(GetRange::Offset(from)) => from.min(size)..size,
            Some(GetRange::Suffix(bytes)) => size.saturating_sub(bytes)..size,
        };
        let payload = GetResultPayload::Stream(self.bytes(path, head, range.clone()));
        Ok(GetResult { payload, meta, range, attributes: Attributes::new() })
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let bucket = self.clone();
        let delete = move |path: Result<Path>| {
            let bucket = bucket.clone();
            async move {
                let path = path?;
                let deleted = bucket.store.delete(&bucket.at(&path)).await;
                deleted.map_err(|error| bucket.failed(&path, error))?;
                Ok(path)
            }
        };
        paths.map(delete).buffered(DELETES).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        objects(self.pages(prefix, false, None))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        objects(self.pages(prefix, false, Some(offset.as_ref().to_owned())))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut all = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut pages = self.pages(prefix, true, None);
        while let Some(page) = pages.try_next().await? {
            let folders = page.prefixes.iter().filter_map(|folder| Path::parse(folder).ok());
            all.common_prefixes.extend(folders);
            all.objects.extend(page.objects.into_iter().filter_map(meta));
        }
        Ok(all)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let head = self.store.stat(&self.at(from)).await;
        let head = head.map_err(|error| self.failed(from, error))?;
        let size = head.size_bytes.unwrap_or(0);
        let parts: Vec<Bytes> = self.bytes(from, head, 0..size).try_collect().await?;
        let mode = match options.mode {
            CopyMode::Overwrite => PutMode::Overwrite,
            CopyMode::Create => PutMode::Create,
        };
        self.put_opts(to, parts.into_iter().collect(), mode.into()).await.map(drop)
    }
}

impl BucketStore {
    fn bytes(
        &self,
        path: &Path,
        object: S3Object,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes>> {
        if range.is_empty() {
            return stream::empty().boxed();
        }
        let (bucket, path) = (self.clone(), path.clone());
        let whole = object.size_bytes == Some(range.end);
        let bytes = match whole {
            true => self.store.read(&object, range.start),
            false => {
                let store = self.store.clone();
                let part = async move { store.range(&object, range).await };
                part.into_stream().boxed()
            }
        };
        bytes.map_err(move |error| bucket.failed(&path, error)).boxed()
    }
}

fn objects(pages: BoxStream<'static, Result<Page>>) -> BoxStream<'static, Result<ObjectMeta>> {
    let objects =
        pages.map_ok(|page| stream::iter(page.objects.into_iter().filter_map(meta).map(Ok)));
    objects.try_flatten().boxed()
}

fn unsupported(what: &str) -> Error {
    Error::NotSupported { source: what.into() }
}

/// An object that is written in parts.
#[derive(Debug)]
struct Upload {
    bucket: BucketStore,
    path: Path,
    parts: BytesMut,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if self.parts.len() + data.content_length() > PUT_BYTES_MAX {
            return async { Err(unsupported("an object of more than 5 GiB")) }.boxed();
        }
        data.iter().for_each(|part| self.parts.extend_from_slice(part));
        async { Ok(()) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let bytes = std::mem::take(&mut self.parts).freeze();
        self.bucket.put_opts(&self.path, bytes.into(), PutOptions::default()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}
