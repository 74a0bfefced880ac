//! What an error of AWS means to the user.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::redact::redact;

/// How the SDK begins when a provider of credentials has none.
const NOT_ENABLED: &str = "the credential provider was not enabled: ";

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No credentials, or such as are expired or refused.
    Credentials,
    /// No region is set.
    Region,
    /// The credentials are good, but do not allow this.
    Denied,
    /// The key that the object is encrypted with may not be used.
    Kms,
    /// The bucket, object, queue or log group is not there.
    Missing,
    /// The object is in an archive and has to be restored first.
    Archived,
    /// The object is not, or no longer, what the request was made for.
    Changed,
    /// Another region than the requested one.
    WrongRegion,
    /// Too many calls; a later try may work.
    Throttled,
    /// The network or the service failed; a later try may work.
    Network,
    /// The request cannot be made or was not understood.
    Other,
}

/// Why a call failed: one line, with the service's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What can be done about it.
    pub kind: Kind,
    /// AWS's own code (`AccessDenied`), where there is one.
    pub code: Option<String>,
    /// One sentence: the message of the service or the network.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lead = match self.kind {
            Kind::Credentials => "no usable AWS credentials: ",
            Kind::Region | Kind::Changed | Kind::Other => "",
            Kind::Denied => "access denied: ",
            Kind::Kms => "the KMS key cannot be used: ",
            Kind::Missing => "does not exist: ",
            Kind::Archived => "archived: ",
            Kind::WrongRegion => "in another region: ",
            Kind::Throttled => "throttled: ",
            Kind::Network => "no answer: ",
        };
        f.write_str(lead)?;
        match &self.code {
            Some(code) if !self.message.contains(code.as_str()) => {
                write!(f, "{code}: {}", self.message)
            }
            _ => f.write_str(&self.message),
        }
    }
}

impl StdError for Error {}

impl Error {
    /// Creates an error of our own.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into() }
    }

    pub(super) fn no_region() -> Self {
        Self::new(Kind::Region, "no region is set")
    }

    /// Returns what the error of an SDK call means.
    pub fn of<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug + 'static,
    {
        match error {
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                Self::from_service(meta.code(), meta.message())
            }
            other => Self::from_transport(other),
        }
    }

    /// Returns what a code and a message of a service mean.
    pub fn from_service(code: Option<&str>, message: Option<&str>) -> Self {
        let kind = kind(code.unwrap_or_default(), message.unwrap_or_default());
        let message = one_line(message.or(code).unwrap_or("the service gave no reason"));
        // A signature that does not match is answered with the request that was signed.
        let message = redact(&message, &[]);
        Self { kind, code: code.map(str::to_owned), message }
    }

    /// Returns what went wrong in transit to the service and back.
    pub fn from_transport(error: &(dyn StdError + 'static)) -> Self {
        let mut parts: Vec<String> = Vec::new();
        let mut cause = Some(error);
        while let Some(error) = cause {
            let text = redact(&one_line(&error.to_string()), &[]);
            if !parts.iter().any(|part| part.contains(&text)) {
                parts.push(text);
            }
            cause = error.source();
        }
        let text = parts.join(": ");
        let lower = text.to_lowercase();
        // The SDK reports each place where it looked; only a profile that is not there is worth a word.
        if lower.contains("no credentials found") || lower.contains("no providers in chain") {
            let profile = text.find("profile `").map(|at| &text[at..]);
            let profile = profile.and_then(|text| text.split_inclusive("was not defined").next());
            let looked = "none in the environment, the profile, web identity or instance metadata";
            return Self::new(Kind::Credentials, profile.unwrap_or(looked));
        }
        // The named profile is not defined: the rest of the chain was not tried.
        let reason = text.split_once(NOT_ENABLED).map(|(_, reason)| reason);
        if let Some(profile) = reason.filter(|reason| reason.starts_with("profile `")) {
            return Self::new(Kind::Credentials, profile);
        }
        let kind = if lower.contains("credential") || lower.contains("identity") {
            Kind::Credentials
        } else if lower.contains("region") {
            Kind::Region
        } else {
            Kind::Network
        };
        Self::new(kind, text)
    }

    /// Returns whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::Network)
    }

    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.kind {
            Kind::Credentials => {
                "set a profile with --profile or AWS_PROFILE, log in again (aws sso login), or check the \
                 environment; aws sts get-caller-identity tells who you are"
            }
            Kind::Region => "name it with --region, AWS_REGION or in the profile",
            Kind::Denied => "flowq iam-policy prints what has to be allowed",
            Kind::Kms => "allow kms:Decrypt on the key; flowq iam-policy prints the statement",
            Kind::Missing => "check the spelling, the account and the region",
            Kind::Archived => "restore the object first: aws s3api restore-object",
            Kind::WrongRegion => "name its region with --region",
            Kind::Throttled => "try again later, or with fewer --threads",
            Kind::Network => "check the network, the proxy settings and --endpoint-url",
            Kind::Changed | Kind::Other => return None,
        })
    }
}

/// Returns what a code of any service means; AWS names the same thing in many ways.
fn kind(code: &str, message: &str) -> Kind {
    match code {
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "AuthFailure"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "IncompleteSignature"
        | "InvalidSignatureException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "MissingAuthenticationToken" => Kind::Credentials,
        _ if code.starts_with("KMS.") || message.contains("kms:") => Kind::Kms,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AllAccessDisabled"
        | "Forbidden"
        | "AWS.SimpleQueueService.AccessDenied" => Kind::Denied,
        "NoSuchKey"
        | "NoSuchBucket"
        | "NoSuchVersion"
        | "NotFound"
        | "ResourceNotFoundException"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => Kind::Missing,
        "InvalidObjectState" => Kind::Archived,
        "PreconditionFailed" | "ConditionalRequestConflict" => Kind::Changed,
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Kind::WrongRegion,
        "SlowDown"
        | "SlowDownRead"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "TooManyRequests"
        | "LimitExceededException"
        | "BandwidthLimitExceeded" => Kind::Throttled,
        "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServiceException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestTimeout"
        | "RequestTimeoutException" => Kind::Network,
        _ => Kind::Other,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_any_service_tell_what_to_do() {
        let cases = [
            ("ExpiredToken", "The provided token has expired.", Kind::Credentials),
            ("AccessDenied", "Access Denied", Kind::Denied),
            ("AccessDenied", "not authorized to perform: kms:Decrypt on the resource", Kind::Kms),
            ("UnauthorizedOperation", "You are not authorized", Kind::Denied),
            ("NoSuchBucket", "The specified bucket does not exist", Kind::Missing),
            (
                "InvalidObjectState",
                "The operation is not valid for the storage class",
                Kind::Archived,
            ),
            ("SlowDown", "Please reduce your request rate.", Kind::Throttled),
            ("ThrottlingException", "Rate exceeded", Kind::Throttled),
            ("Whatever", "", Kind::Other),
        ];
        for (code, message, want) in cases {
            assert_eq!(Error::from_service(Some(code), Some(message)).kind, want, "{code}");
        }
    }

    #[test]
    fn missing_credentials_are_told_in_a_clause() {
        let cause_of =
            |text: &str| Error::from_transport(&std::io::Error::other(text.to_owned())).message;
        let chain = |profile: &str| {
            format!(
                "no credentials found in chain. Attempted: Environment: not set Profile: {profile} WebIdentityToken: not set"
            )
        };
        assert!(cause_of(&chain("not enabled")).starts_with("none in the environment"));
        let alone = format!("{NOT_ENABLED}profile `nope` was not defined; there is p");
        assert_eq!(cause_of(&alone), "profile `nope` was not defined; there is p");
        let dispatched = format!("dispatch failure: other: {alone}");
        assert_eq!(cause_of(&dispatched), "profile `nope` was not defined; there is p");
        let missing = "not enabled: profile `gone` was not defined: could not find it";
        assert_eq!(cause_of(&chain(missing)), "profile `gone` was not defined");
    }

    #[test]
    fn an_error_is_one_line_without_a_full_stop() {
        let error =
            Error::from_service(Some("SlowDown"), Some("Please reduce\n your request rate."));
        assert_eq!(error.to_string(), "throttled: SlowDown: Please reduce your request rate");
        assert!(error.is_retryable());
    }
}
