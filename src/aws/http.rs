//! Plain HTTP requests with the TLS and the proxies of AWS calls.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use crate::aws::timeouts::{ATTEMPT_TIMEOUT, CONNECT_TIMEOUT};
use crate::aws::{Error, Kind};

/// The most bytes of a response that are read: only the status matters.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Creates a connector; with a configuration, one that has AWS's timeouts.
pub(super) fn connector(config: Option<&SdkConfig>) -> Connector {
    let mut builder = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .proxy_config(ProxyConfig::from_env());
    if let Some(config) = config {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ATTEMPT_TIMEOUT)
            .build();
        builder = builder.connector_settings(settings);
        builder.set_sleep_impl(config.sleep_impl());
    }
    builder.build()
}

/// Reads the body of a response.
pub(super) async fn body(response: HttpResponse, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let mut body = ByteStream::new(response.into_body());
    let mut bytes = Vec::new();
    while let Some(chunk) = body.try_next().await.map_err(|err| Error::from_transport(&err))? {
        if bytes.len() + chunk.len() > bytes_max {
            let message = format!("the answer has more than {bytes_max} bytes");
            return Err(Error::new(Kind::Other, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The response of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerResponse {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`: how long to wait before the next try. `None`: the server did not state it.
    pub retry_after: Option<Duration>,
    /// Its body, what of it is text.
    pub text: String,
}

/// Makes requests. It follows no redirect, and tries nothing twice.
#[derive(Debug)]
pub struct Client {
    connector: Connector,
}

impl Default for Client {
    fn default() -> Self {
        Self { connector: connector(None) }
    }
}

impl Client {
    /// Posts a body. There is no timeout: that is the caller's.
    ///
    /// # Errors
    ///
    /// [`Kind::Network`] for what went wrong in transit, which may have reached the server all the same;
    /// [`Kind::Other`] for a request that cannot be made. Neither names the URL.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Result<ServerResponse, Error> {
        let broken = |what: &str| Error::new(Kind::Other, format!("{what} cannot be sent"));
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|_| broken("the request"))?;
        request.set_uri(url).map_err(|_| broken("the URL"))?;
        for (name, value) in headers {
            let set = request.headers_mut().try_insert(name.clone(), value.clone());
            set.map_err(|_| broken(&format!("the header {name}")))?;
        }
        let response = self.connector.call(request).await.map_err(|err| {
            // Always a network error: there are no credentials here.
            Error { kind: Kind::Network, ..Error::from_transport(&err) }
        })?;
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        let bytes = crate::aws::http::body(response, ANSWER_BYTES_MAX).await;
        // The status is the result; the body is only for messages.
        let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        Ok(ServerResponse { status, retry_after, text })
    }
}

/// Seconds, or a date, which counts from the server's own.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = response.headers().get("date").and_then(http_date)?;
    u64::try_from(http_date(text)? - now).ok().map(Duration::from_secs)
}

/// Reads the date of an HTTP header, in Unix seconds.
pub(super) fn http_date(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc2822(text).ok().map(|time| time.timestamp())
}

/// Returns the HMAC-SHA256 of a text in hex.
pub fn hmac_sha256(key: &str, text: &[u8]) -> String {
    // AWS signs its requests with the same function.
    aws_sigv4::sign::v4::calculate_signature(key, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        assert_eq!(
            hmac_sha256("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
