//! The files that pages load, in the binary.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use crate::serve::export::response;

/// A file.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

const ASSETS: &[Asset] = &[
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        content: concat!(include_str!("../chart/chart.css"), include_str!("assets/console.css"))
            .as_bytes(),
    },
    Asset {
        name: "console.js",
        kind: "text/javascript; charset=utf-8",
        content: include_bytes!("assets/console.js"),
    },
    Asset { name: "icon.svg", kind: "image/svg+xml", content: include_bytes!("assets/icon.svg") },
];

/// Of all files: it is part of their links, so that a browser keeps them until another flowq serves others.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    ASSETS.iter().for_each(|asset| hash.update(asset.content));
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// Returns the link to a file.
pub(super) fn link(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// Returns a file. `None`: there is none of this name.
pub(super) fn file(version: &str, name: &str, headers: &HeaderMap) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name).filter(|_| version == *VERSION)?;
    let tag = HeaderValue::from_str(&format!("\"{}\"", *VERSION)).ok()?;
    let mut answer = match headers.get(IF_NONE_MATCH) == Some(&tag) {
        true => response(StatusCode::NOT_MODIFIED, asset.kind, ""),
        false => response(StatusCode::OK, asset.kind, asset.content),
    };
    answer.headers_mut().insert(ETAG, tag);
    let forever = HeaderValue::from_static("private, max-age=31536000, immutable");
    answer.headers_mut().insert(CACHE_CONTROL, forever);
    Some(answer)
}
