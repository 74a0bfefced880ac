//! What is checked of every request, and what every response says to the browser.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

/// What a page may load: only files of this server, and no code inside it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Sets the headers of every response.
pub(super) fn secure(headers: &mut HeaderMap) {
    // A form that is sent under no-referrer names no origin, and is refused: the page to log in sets its own.
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    let policies = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in policies {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What is shown of the logs stays on no disk but that of the user's own downloads.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Why a request is refused before anything else: its host or its origin is foreign.
pub(super) fn refusal(request: &Request, names: &[String]) -> Option<&'static str> {
    let headers = request.headers();
    let host = text(headers, &HOST).or_else(|| request.uri().authority().map(|host| host.as_str()));
    let Some(host) = host else { return Some("the request names no host") };
    if headers.get_all(HOST).iter().count() > 1 || !is_known_host(host, names) {
        return Some("the host is not one of this server; --host NAME adds one");
    }
    let is_foreign = |origin: &str| origin.split_once("://").map(|(_, from)| from) != Some(host);
    if text(headers, &ORIGIN).is_some_and(is_foreign) {
        return Some("the request comes from another site");
    }
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let has_origin = headers.contains_key(ORIGIN);
    if !is_safe && !has_origin && !headers.contains_key(AUTHORIZATION) {
        return Some("a request that changes something names its origin");
    }
    None
}

/// Whether a host can only be this server: an address, this machine, or a name that the user gave. A page of another
/// site that had its name resolve to this machine would send its own name.
fn is_known_host(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, _)) => address,
            None => return false,
        },
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Returns the token of a script.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, &AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// Returns the value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs =
        all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri("/findings");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn hosts_and_origins_of_others_are_refused() {
        let names = ["flowq.example.com".to_owned()];
        let is_refused = |method: &str, headers: &[(&str, &str)]| {
            refusal(&request(method, headers), &names).is_some()
        };
        for host in ["127.0.0.1:80", "localhost:1", "[::1]:8080", "FLOWQ.example.com", "10.0.0.1"] {
            assert!(!is_refused("GET", &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "[::1", ""] {
            assert!(is_refused("GET", &[("host", host)]), "{host}");
        }
        assert!(is_refused("GET", &[]));
        let host = ("host", "localhost:8080");
        assert!(is_refused("GET", &[host, ("origin", "http://evil.example")]));
        assert!(is_refused("GET", &[host, ("origin", "null")]));
        assert!(is_refused("POST", &[host]));
        assert!(is_refused("POST", &[host, ("origin", "http://localhost:8081")]));
        assert!(!is_refused("POST", &[host, ("origin", "http://localhost:8080")]));
        assert!(!is_refused("POST", &[host, ("authorization", "Bearer x")]));
        assert!(is_refused("GET", &[host, ("host", "evil.example")]));
    }

    #[test]
    fn tokens_are_found_in_their_headers() {
        let headers =
            request("GET", &[("authorization", "bearer abc"), ("cookie", "a=1; flowq-80=xyz")]);
        assert_eq!(bearer(headers.headers()), Some("abc"));
        assert_eq!(cookie(headers.headers(), "flowq-80"), Some("xyz"));
        assert_eq!(cookie(headers.headers(), "flowq-8"), None);
    }
}
