use std::io;

use ::parquet::errors::ParquetError;

use super::*;
use crate::flow::parquet;

/// Codes of S3, CloudWatch Logs, SQS and KMS, and such as no list has.
const CODES: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
    "UnrecognizedClientException",
    "AccessDenied",
    "AccessDeniedException",
    "KMS.DisabledException",
    "KMS.NotFoundException",
    "InvalidObjectState",
    "PreconditionFailed",
    "PermanentRedirect",
    "SlowDown",
    "ThrottlingException",
    "LimitExceededException",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "BadDigest",
    "InvalidRange",
    "InvalidRequest",
    "InvalidParameterException",
    "DataAlreadyAcceptedException",
    "MalformedQueryException",
    "OverLimit",
    "NotImplemented",
    "ACodeThatIsNewNextYear",
];

fn cause(stop: ScanStop) -> Cause {
    match stop {
        ScanStop::Object(fault) => fault.cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_error_of_a_service_says_that_the_content_is_bad() {
    for code in CODES {
        let error = aws::Error::from_service(Some(code), None);
        let of_source = source::Error::aws("s3://b/k", error.clone());
        assert_eq!(cause(object(of_source)), Cause::Access, "{code}");
        // Parquet is read by ranges: the error comes through its reader.
        let read = ParquetError::External(Box::new(error));
        let broken = parquet::Error::Io { object: "s3://b/k".into(), source: read };
        assert_eq!(cause(object(broken)), Cause::Access, "{code}");
    }
    for code in ["NoSuchKey", "NoSuchBucket", "ResourceNotFoundException"] {
        let error = source::Error::aws("s3://b/k", aws::Error::from_service(Some(code), None));
        assert_eq!(cause(object(error)), Cause::Missing, "{code}");
    }
    for message in
        ["checksum mismatch", "more than the 5 bytes expected came", "broke off at byte 7"]
    {
        let error = aws::Error::new(aws::Kind::Other, message);
        assert_eq!(
            cause(object(source::Error::aws("s3://b/k", error))),
            Cause::Access,
            "{message}"
        );
    }
}

#[test]
fn no_error_of_the_system_says_that_the_content_is_bad() {
    use io::ErrorKind as Of;
    for kind in [
        Of::PermissionDenied,
        Of::Interrupted,
        Of::TimedOut,
        Of::WouldBlock,
        Of::ConnectionReset,
        Of::BrokenPipe,
        Of::StaleNetworkFileHandle,
        Of::ResourceBusy,
        Of::QuotaExceeded,
        Of::OutOfMemory,
        Of::UnexpectedEof,
        Of::InvalidInput,
        Of::IsADirectory,
        Of::Other,
    ] {
        let error = source::Error::io("/a", io::Error::from(kind));
        assert_eq!(cause(object(error)), Cause::Access, "{kind:?}");
    }
    // EIO of a disk, EMFILE of a process.
    for number in [5, 24] {
        let error = source::Error::io("/a", io::Error::from_raw_os_error(number));
        assert_eq!(cause(object(error)), Cause::Access, "{number}");
    }
    let missing = source::Error::io("/a", io::Error::from(Of::NotFound));
    assert_eq!(cause(object(missing)), Cause::Missing);
}

#[test]
fn what_a_decoder_refuses_is_bad_content() {
    let errors = [
        decompress::Error::Cut { bytes: 1 },
        decompress::Error::Corrupt { bytes: 1, reason: "bad".into() },
        decompress::Error::Unsupported("zstd"),
        decompress::Error::TooLarge { bytes_max: 1 },
    ];
    for error in errors {
        assert_eq!(cause(object(error)), Cause::Content);
    }
    let read = ParquetError::General("bad page".into());
    let broken = parquet::Error::Broken { object: "/a".into(), source: read };
    assert_eq!(cause(object(broken)), Cause::Content);
}
