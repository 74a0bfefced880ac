//! Whether a store does what a ledger relies on: a write that must not replace, and one that must replace a version.

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion};

use crate::storage::{Error, Storage};

/// A version that no object has.
const NO_VERSION: &str = "\"00000000000000000000000000000000\"";

/// The conditions of writes, as S3 names them.
const ABSENT: &str = "If-None-Match on PutObject";
const VERSION: &str = "If-Match on PutObject";

impl Storage {
    /// Tries conditional writes with an object of that name, which is deleted again. Returns the time by the clock of
    /// the store, in Unix seconds; NULL where it tells none. A folder has both without a trial.
    ///
    /// # Errors
    ///
    /// [`Error::Unconditional`] when a condition is ignored or refused as unknown.
    pub async fn probe(&self, name: &str) -> Result<Option<i64>, Error> {
        if self.folder.is_some() {
            return Ok(None);
        }
        let path = Path::from(name);
        let tried = self.try_conditions(&path).await;
        // It is in nobody's way.
        drop(self.objects.delete(&path).await);
        tried
    }

    async fn try_conditions(&self, path: &Path) -> Result<Option<i64>, Error> {
        let objects: &dyn ObjectStore = &*self.objects;
        let failed = |source| Error::Write { name: self.name.clone(), source };
        let ignored = |condition| Error::Unconditional { name: self.name.clone(), condition };
        let put = async |bytes: &'static str, mode: PutMode| {
            objects.put_opts(path, PutPayload::from_static(bytes.as_bytes()), mode.into()).await
        };
        match put("1", PutMode::Create).await {
            Ok(_) => {}
            Err(error) if is_unknown(&error) => return Err(ignored(ABSENT)),
            Err(error) => return Err(failed(error)),
        }
        match put("2", PutMode::Create).await {
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Ok(_) => return Err(ignored(ABSENT)),
            Err(error) => return Err(failed(error)),
        }
        let version = UpdateVersion { e_tag: Some(NO_VERSION.to_owned()), version: None };
        match put("3", PutMode::Update(version)).await {
            Err(
                object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. },
            ) => {}
            Ok(_) => return Err(ignored(VERSION)),
            Err(error) if is_unknown(&error) => return Err(ignored(VERSION)),
            Err(error) => return Err(failed(error)),
        }
        let written = objects.head(path).await.map_err(failed)?.last_modified.timestamp();
        Ok((written > 0).then_some(written))
    }
}

/// Tells whether a store says that it does not know a condition.
fn is_unknown(error: &object_store::Error) -> bool {
    let text = format!("{error} {error:?}");
    ["NotImplemented", "InvalidArgument", "UnsupportedHeader"]
        .iter()
        .any(|code| text.contains(code))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::aws::Options;
    use crate::aws::s3::tests::fake_server::{Answer, Server};

    /// A store that holds to conditions, or ignores or refuses the header of that name.
    fn store(ignored: &'static str, refused: &'static str) -> Server {
        let puts = AtomicUsize::new(0);
        Server::start(move |request, _| {
            let has = |name: &str| request.header(name).is_some();
            match request.method.as_str() {
                "PUT" if !refused.is_empty() && has(refused) => {
                    Answer::error(501, "NotImplemented")
                }
                "PUT" => {
                    let first = puts.fetch_add(1, Ordering::Relaxed) == 0;
                    let fails = ["if-none-match", "if-match"].iter();
                    let fails = fails.filter(|name| **name != ignored).any(|name| has(name));
                    match fails && !first {
                        true => Answer::error(412, "PreconditionFailed"),
                        false => Answer::new(200, "").with("ETag", "\"v1\""),
                    }
                }
                "DELETE" => Answer::new(204, ""),
                _ => Answer::object(request, b"1")
                    .with("Last-Modified", "Tue, 10 Mar 2026 12:00:00 GMT"),
            }
        })
    }

    async fn probe(ignored: &'static str, refused: &'static str) -> Result<Option<i64>, Error> {
        let server = store(ignored, refused);
        let account = server.account(Options::default());
        Storage::open("s3://bucket/lake", &account).unwrap().probe("probe").await
    }

    #[tokio::test]
    async fn a_store_without_conditional_writes_is_refused_by_name() {
        assert_eq!(probe("", "").await.unwrap(), Some(1_773_144_000));
        for (ignored, refused, want) in [
            ("if-none-match", "", ABSENT),
            ("if-match", "", VERSION),
            ("", "if-none-match", ABSENT),
            ("", "if-match", VERSION),
        ] {
            let error = probe(ignored, refused).await.unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
            assert!(error.hint().unwrap().contains("--single-runner"));
        }
    }
}
