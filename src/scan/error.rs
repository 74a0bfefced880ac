//! Why a scan leaves an object, and what was at fault.

use datafusion::common::DataFusionError;

use crate::flow::parquet;
use crate::scan::options::Cause;
use crate::source::decompress;
use crate::{aws, source};

/// Why an object was left.
#[derive(Debug)]
pub(crate) enum ScanStop {
    /// The limit is reached, or the receiver is gone.
    LimitReached,
    /// The object is at fault: it is reported, and the scan continues.
    Object(ObjectError),
    /// The scan fails.
    Scan(DataFusionError),
}

/// What is wrong with an object.
#[derive(Debug)]
pub(crate) struct ObjectError {
    pub(crate) reason: String,
    pub(crate) cause: Cause,
}

impl ObjectError {
    /// An error of the bytes themselves.
    pub(crate) fn lasting(reason: String) -> ScanStop {
        ScanStop::Object(Self { reason, cause: Cause::Content })
    }
}

impl From<DataFusionError> for ScanStop {
    fn from(error: DataFusionError) -> Self {
        Self::Scan(error)
    }
}

pub(crate) fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Classifies an object that cannot be opened: it is at fault, unless the query reads a one-shot source twice.
pub(crate) fn unopened(error: source::Error) -> ScanStop {
    match error {
        source::Error::OneShot { .. } => ScanStop::Scan(external(error)),
        error => object(error),
    }
}

pub(crate) fn object(error: impl std::error::Error + 'static) -> ScanStop {
    ScanStop::Object(ObjectError { reason: chain(&error), cause: cause_of(&error) })
}

/// Returns the cause of an error: the content only if all bytes came and a decoder rejected them.
/// Every other error is one of access: the object is read again.
fn cause_of(error: &(dyn std::error::Error + 'static)) -> Cause {
    let (mut cause, mut next) = (Cause::Access, Some(error));
    while let Some(error) = next {
        let is_missing = match error.downcast_ref::<source::Error>() {
            Some(source::Error::Missing { .. } | source::Error::LakeFile { .. }) => true,
            Some(_) => return Cause::Access,
            None => match error.downcast_ref::<aws::Error>() {
                Some(error) if error.kind == aws::Kind::Missing => true,
                Some(_) => return Cause::Access,
                None => false,
            },
        };
        if is_missing {
            return Cause::Missing;
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            match error.kind() {
                std::io::ErrorKind::NotFound => return Cause::Missing,
                // A footer that leads to before the start of its file.
                std::io::ErrorKind::InvalidInput | std::io::ErrorKind::UnexpectedEof => {}
                _ => return Cause::Access,
            }
        }
        if error.is::<decompress::Error>() || is_broken(error) {
            cause = Cause::Content;
        }
        next = error.source();
    }
    cause
}

fn is_broken(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<parquet::Error>().is_some_and(|error| !error.is_retryable())
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
