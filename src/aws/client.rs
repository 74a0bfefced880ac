//! Calls of the services that have no SDK crate here: signed, retried, limited in rate.
//!
//! EC2's crate alone costs as much to compile as all others together, and no crate can write a response
//! down again. Here the response is the document itself, as the AWS CLI prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Deref;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::aws::operations::{Operation, Protocol, Service};
use crate::aws::timeouts::{ATTEMPT_TIMEOUT, ATTEMPTS_MAX, BACKOFF_MAX};
use crate::aws::{Account, Error, Kind, endpoint, http, xml};

/// The most bytes of one response. A page of a thousand interfaces has some 3 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The most pages of one call: the tokens may go on for ever.
const PAGES_MAX: usize = 20_000;

/// The first wait between two tries; it doubles, and chance shortens it.
const BACKOFF: Duration = Duration::from_millis(250);

/// Credentials are requested again this long before they end.
const CREDENTIALS_SLACK: Duration = Duration::from_secs(300);

/// The response of a service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// Date of the response, by the clock of the service. Unix seconds; `None`: the response has no date.
    pub at: Option<i64>,
    /// The document, with the keys that the AWS CLI prints.
    pub document: Map<String, Value>,
}

/// Makes calls in one region of an account, which is borrowed or shared.
#[derive(Debug)]
pub struct ServiceClient<A> {
    account: A,
    region: String,
    connector: Connector,
    credentials: Mutex<Option<Credentials>>,
    /// When each service may be called next.
    free: Mutex<BTreeMap<&'static str, Instant>>,
    tally: std::sync::Mutex<BTreeMap<&'static str, u64>>,
}

impl<A: Deref<Target = Account>> ServiceClient<A> {
    /// Creates it, for the region given or the account's own. No call is made yet.
    ///
    /// # Errors
    ///
    /// [`Kind::Region`] when none is configured.
    pub async fn new(account: A, region: Option<&str>) -> Result<Self, Error> {
        let region = match region {
            Some(region) => region.to_owned(),
            None => account.region().await?,
        };
        let connector = http::connector(Some(account.config().await));
        Ok(Self {
            account,
            region,
            connector,
            credentials: Mutex::default(),
            free: Mutex::default(),
            tally: std::sync::Mutex::default(),
        })
    }

    /// Returns the region that is called.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns how often each call was made, tries included.
    pub fn tally(&self) -> BTreeMap<&'static str, u64> {
        self.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Makes one call. For the query protocol the keys are those of its form: a list under `Filter`
    /// becomes `Filter.1`, `Filter.2`.
    ///
    /// # Errors
    ///
    /// The last error of the service or the network; every [`Error::is_retryable`] was tried again.
    pub async fn call(&self, call: &Operation, params: &Value) -> Result<Response, Error> {
        let mut backoff = BACKOFF;
        let mut attempt = 1;
        loop {
            let error = match self.call_once(call, params, ATTEMPT_TIMEOUT).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if attempt == ATTEMPTS_MAX || !error.is_retryable() {
                return Err(error);
            }
            tokio::time::sleep(backoff.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
            attempt += 1;
        }
    }

    /// Makes one call without retries: the caller has its own.
    ///
    /// # Errors
    ///
    /// As [`ServiceClient::call`], and [`Kind::Network`] when the time is over.
    pub async fn call_once(
        &self,
        call: &Operation,
        params: &Value,
        timeout: Duration,
    ) -> Result<Response, Error> {
        self.wait_for_turn(&call.service).await;
        *self
            .tally
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .entry(call.action)
            .or_default() += 1;
        let result = tokio::time::timeout(timeout, self.attempt(call, params)).await;
        result.unwrap_or_else(|_| {
            let seconds = timeout.as_secs_f32();
            Err(Error::new(Kind::Network, format!("no answer within {seconds} seconds")))
        })
    }

    /// Makes a call page by page and hands each response on.
    ///
    /// # Errors
    ///
    /// As [`ServiceClient::call`], and [`Kind::Other`] for pages that lead to each other or have no end: what was
    /// handed on until then is then not all.
    pub async fn pages(
        &self,
        call: &Operation,
        params: &Value,
        mut take: impl FnMut(Response),
    ) -> Result<(), Error> {
        let mut params = params.clone();
        if let Some((key, size)) = call.page {
            params[key] = size.into();
        }
        let mut tokens = BTreeSet::new();
        for _ in 0..PAGES_MAX {
            let answer = self.call(call, &params).await?;
            let token = answer.document.get(call.service.token).and_then(Value::as_str);
            let token = token.filter(|token| !token.is_empty()).map(str::to_owned);
            take(answer);
            let Some(token) = token else { return Ok(()) };
            params[call.service.token] = token.clone().into();
            if !tokens.insert(token) {
                let action = call.action;
                return Err(Error::new(
                    Kind::Other,
                    format!("the pages of {action} go round in a circle"),
                ));
            }
        }
        Err(Error::new(Kind::Other, format!("{} has more than {PAGES_MAX} pages", call.action)))
    }

    /// Makes a call and puts the lists of all its pages into the last response.
    pub async fn all(&self, call: &Operation, params: &Value) -> Result<Response, Error> {
        let (mut rows, mut all) = (Vec::new(), Response::default());
        let take = |mut answer: Response| {
            if let Some(Value::Array(page)) = answer.document.get_mut(call.list).map(Value::take) {
                rows.extend(page);
            }
            all = answer;
        };
        self.pages(call, params, take).await?;
        all.document.insert(call.list.to_owned(), Value::Array(rows));
        Ok(all)
    }

    async fn wait_for_turn(&self, service: &Service) {
        let turn = {
            let mut free = self.free.lock().await;
            let now = Instant::now();
            let turn = free.get(service.name).copied().unwrap_or(now).max(now);
            free.insert(service.name, turn + service.min_interval);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }

    async fn attempt(&self, call: &Operation, params: &Value) -> Result<Response, Error> {
        let request = self.request(call, params).await?;
        let response =
            self.connector.call(request).await.map_err(|err| Error::from_transport(&err))?;
        let status = response.status();
        let at = response.headers().get("date").and_then(http::http_date);
        let header = response.headers().get("x-amzn-errortype").map(str::to_owned);
        let bytes = http::body(response, ANSWER_BYTES_MAX).await?;
        let document = match call.service.protocol {
            Protocol::Query(_) => {
                std::str::from_utf8(&bytes).map_err(|err| err.to_string()).and_then(xml::to_json)
            }
            Protocol::Json(_) | Protocol::Rest => {
                serde_json::from_slice(&bytes).map_err(|err| err.to_string())
            }
        };
        if status.is_success() {
            return document.map(|document| Response { at, document }).map_err(|err| {
                Error::new(Kind::Network, format!("the answer could not be read: {err}"))
            });
        }
        Err(refusal(status.as_u16(), header.as_deref(), &document.unwrap_or_default()))
    }

    /// Builds a signed request.
    async fn request(&self, call: &Operation, params: &Value) -> Result<HttpRequest, Error> {
        let config = self.account.config().await;
        let service = &call.service;
        let url = match self.account.endpoint(service.id, service.variable).await {
            Some(url) => url,
            None => {
                let fips = config.use_fips().unwrap_or(false);
                let dual_stack = config.use_dual_stack().unwrap_or(false);
                endpoint::of(service, &self.region, fips, dual_stack)
            }
        };
        let url = format!("{}/{}", url.trim_end_matches('/'), call.path);
        let mut headers: Vec<(&str, String)> = Vec::new();
        let body = match service.protocol {
            Protocol::Query(version) => {
                headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
                let mut form = format!("Action={}&Version={version}", call.action);
                flatten(&mut form, "", params);
                form
            }
            Protocol::Json(prefix) => {
                headers.push(("content-type", "application/x-amz-json-1.1".to_owned()));
                headers.push(("x-amz-target", format!("{prefix}.{}", call.action)));
                params.to_string()
            }
            Protocol::Rest => {
                headers.push(("content-type", "application/json".to_owned()));
                params.to_string()
            }
        };
        let now = config.time_source().map(|source| source.now());
        let now =
            now.ok_or_else(|| Error::new(Kind::Other, "the AWS configuration has no clock"))?;
        let identity = self.credentials(now).await?.into();
        let broken = |err: &dyn std::fmt::Display| {
            Error::new(Kind::Other, format!("the request to {url} cannot be sent: {err}"))
        };
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service.name)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|err| broken(&err))?
            .into();
        let signed = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable =
            SignableRequest::new("POST", &url, signed, SignableBody::Bytes(body.as_bytes()))
                .map_err(|err| broken(&err))?;
        let (instructions, _) = sign(signable, &params).map_err(|err| broken(&err))?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|err| broken(&err))?;
        request.set_uri(url.as_str()).map_err(|err| broken(&err))?;
        let agent = ("user-agent", concat!("flowq/", env!("CARGO_PKG_VERSION")));
        let signed = headers.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in signed.chain(instructions.headers()).chain([agent]) {
            let (name, value) = (name.to_owned(), value.to_owned());
            request.headers_mut().try_insert(name, value).map_err(|err| broken(&err))?;
        }
        Ok(request)
    }

    async fn credentials(&self, now: SystemTime) -> Result<Credentials, Error> {
        let mut cached = self.credentials.lock().await;
        let good = |credentials: &Credentials| {
            credentials.expiry().is_none_or(|expiry| expiry > now + CREDENTIALS_SLACK)
        };
        if let Some(credentials) = cached.as_ref().filter(|cached| good(cached)) {
            return Ok(credentials.clone());
        }
        let provider = self.account.config().await.credentials_provider();
        let provider = provider.ok_or_else(|| Error::new(Kind::Credentials, "there are none"))?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|err| Error { kind: Kind::Credentials, ..Error::from_transport(&err) })?;
        *cached = Some(credentials.clone());
        Ok(credentials)
    }
}

/// Returns what an error response means: `document` is its body, `header` the error that JSON services
/// name beside it.
fn refusal(status: u16, header: Option<&str>, document: &Map<String, Value>) -> Error {
    let xml = document.get("Errors").and_then(|errors| errors.get("Error"));
    let xml = xml.or_else(|| document.get("Error"));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let code = text(xml.and_then(|error| error.get("Code")))
        .or_else(|| text(document.get("__type")))
        .or_else(|| header.map(str::to_owned));
    // `namespace#Code:http://…`
    let code = code.map(|code| {
        let code = code.rsplit('#').next().unwrap_or_default();
        code.split(':').next().unwrap_or_default().to_owned()
    });
    let message = text(xml.and_then(|error| error.get("Message")))
        .or_else(|| text(document.get("message")))
        .or_else(|| text(document.get("Message")));
    let plain = format!("the service answered with HTTP status {status}");
    let mut error =
        Error::from_service(code.as_deref(), Some(message.as_deref().unwrap_or(&plain)));
    if error.kind == Kind::Other {
        error.kind = match status {
            429 => Kind::Throttled,
            500.. => Kind::Network,
            _ => Kind::Other,
        };
    }
    error
}

/// Adds parameters to a form, each with the path to it.
fn flatten(form: &mut String, path: &str, value: &Value) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(form, &join(key), value)),
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                flatten(form, &join(&(index + 1).to_string()), value);
            }
        }
        Value::String(text) => {
            let _ = write!(form, "&{path}={}", escape(text));
        }
        other => {
            let _ = write!(form, "&{path}={other}");
        }
    }
}

/// Percent-encodes a text for a form.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_names_every_value_by_its_path() {
        let mut form = String::new();
        let filter = json!([{ "Name": "vpc-id", "Value": ["vpc-1", "a b&c"] }]);
        flatten(&mut form, "", &json!({ "Filter": filter, "MaxResults": 5, "Dry": false }));
        assert_eq!(
            form,
            "&Dry=false&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&Filter.1.Value.2=a%20b%26c&MaxResults=5"
        );
    }

    #[test]
    fn errors_of_every_protocol_are_understood() {
        let document = |value: Value| value.as_object().cloned().unwrap();
        let ec2 = json!({ "Errors": { "Error": { "Code": "RequestLimitExceeded", "Message": "Slow." } } });
        let sts = json!({ "Error": { "Code": "ExpiredToken", "Message": "It has expired" } });
        let json = json!({ "__type": "com.amazon.coral#AccessDeniedException", "Message": "no" });
        for (status, header, body, kind) in [
            (503, None, ec2, Kind::Throttled),
            (403, None, sts, Kind::Credentials),
            (400, None, json, Kind::Denied),
            (400, Some("ThrottlingException:http://x"), json!({}), Kind::Throttled),
            (502, None, json!({}), Kind::Network),
            (404, None, json!({}), Kind::Other),
        ] {
            assert_eq!(
                refusal(status, header, &document(body.clone())).kind,
                kind,
                "{status} {body}"
            );
        }
        let error = refusal(502, None, &Map::new());
        assert_eq!(error.to_string(), "no answer: the service answered with HTTP status 502");
    }
}
