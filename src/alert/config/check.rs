//! Checks the keys and values of an `[[alert]]`.

use toml::de::DeTable;

use crate::alert::config::kind::{COMMON, KINDS, Kind};
use crate::diagnostics::{line_of, nearest};

/// Returns the kind of each `[[alert]]`, whose keys are then those of its kind.
pub(super) fn kinds(text: &str) -> Result<Vec<Kind>, String> {
    let Ok(root) = DeTable::parse(text) else { return Ok(Vec::new()) };
    let Some(alerts) = root.get_ref().get("alert") else { return Ok(Vec::new()) };
    let line = |at: usize| line_of(text, at);
    let Some(alerts) = alerts.get_ref().as_array() else {
        let line = line(alerts.span().start);
        return Err(format!("line {line}: alert is a list of tables: write [[alert]]"));
    };
    let mut kinds = Vec::new();
    for alert in alerts.iter() {
        let here = line(alert.span().start);
        let Some(table) = alert.get_ref().as_table() else {
            return Err(format!("line {here}: alert is a list of tables: write [[alert]]"));
        };
        let known = KINDS.iter().map(|(_, name, _)| *name);
        let Some(given) = table.get("type") else {
            let known = known.collect::<Vec<_>>().join(", ");
            return Err(format!("line {here}: alert needs a type: {known}"));
        };
        let name = given.get_ref().as_str().unwrap_or_default();
        let Some((kind, ..)) = KINDS.iter().find(|(_, of, _)| *of == name) else {
            let line = line(given.span().start);
            let hint = match nearest(name, known.clone()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
            };
            return Err(format!("line {line}: unknown alert type {name}; {hint}"));
        };
        for key in table.keys() {
            let at = line(key.span().start);
            check_key(*kind, key.get_ref()).map_err(|what| format!("line {at}: {what}"))?;
        }
        kinds.push(*kind);
    }
    Ok(kinds)
}

fn check_key(kind: Kind, key: &str) -> Result<(), String> {
    if COMMON.contains(&key) || kind.keys().contains(&key) {
        return Ok(());
    }
    let of = kind.as_str();
    if let Some((_, other, _)) = KINDS.iter().find(|(.., keys)| keys.contains(&key)) {
        return Err(format!("{key} is a key of {other} alerts, this one is of type {of}"));
    }
    let known: Vec<&str> = COMMON.iter().chain(kind.keys()).copied().collect();
    let hint = match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", known.join(", ")),
    };
    Err(format!("unknown key {key} in alert of type {of}; {hint}"))
}

/// A name is part of the names of files.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err("a name has 1 to 64 letters, digits, - and _".to_owned())
}

pub(super) fn check_header(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        return Err(format!("{name:?} is no name of a header"));
    }
    let lower = name.to_ascii_lowercase();
    let ours = ["content-type", "content-length", "host", "user-agent", "idempotency-key"];
    if ours.contains(&lower.as_str()) || lower.starts_with("x-flowq-") {
        return Err(format!("flowq sets the header {name} itself"));
    }
    Ok(())
}

/// Checks the URL of a webhook, without a word of it in the error but its host.
pub(in crate::alert) fn url(text: &str, plain_http: bool) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|err| format!("the url is none: {err}"))?;
    let host = url.host().ok_or("the url names no host")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("the url of {host} has a user in it; write a header instead"));
    }
    let loopback = match &host {
        url::Host::Domain(name) => *name == "localhost",
        url::Host::Ipv4(addr) => addr.is_loopback(),
        url::Host::Ipv6(addr) => addr.is_loopback(),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback || plain_http => Ok(url),
        "http" => Err(format!(
            "the url of {host} is plain http, which shows the alerts to the network; write https, or plain-http = true"
        )),
        other => Err(format!("the url begins with {other}://, not https://")),
    }
}
