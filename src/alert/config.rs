//! `[[alert]]` of `flowq.toml`: the sinks, and which findings each gets.

mod check;
mod kind;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

pub(super) use check::url as check_url;
pub use kind::Kind;
use serde::Deserialize;

use crate::alert::config::check::{check_header, check_name, kinds};
use crate::alert::secret;
use crate::alert::secret::Secret;
use crate::aws::sqs::Address;
use crate::detection::{Finding, Severity};
use crate::diagnostics::one_line;

/// How long one try may take where the config does not say.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often a delivery tries again where the config does not say.
const RETRIES: u32 = 3;

/// The most tries again that the config may ask for.
const RETRIES_MAX: u32 = 20;

/// A sink, as it is configured. What it prints has no secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name, unlike that of any other.
    pub name: String,
    /// What it is.
    pub target: Target,
    /// The findings that it gets.
    pub filter: SinkFilter,
    /// How long one try may take.
    pub timeout: Duration,
    /// How often one delivery tries again.
    pub retries: u32,
}

/// Where a sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the keys of the config, which docs/alerts.md describes"
)]
pub enum Target {
    /// `None`: standard output.
    Ndjson {
        path: Option<PathBuf>,
    },
    Webhook {
        url: Secret,
        headers: BTreeMap<String, Secret>,
        secret: Option<Secret>,
        plain_http: bool,
    },
    Slack {
        url: Secret,
        plain_http: bool,
    },
    Sns {
        topic: String,
    },
    EventBridge {
        bus: String,
        region: Option<String>,
    },
    Sqs {
        queue: String,
    },
    SecurityHub {
        region: Option<String>,
    },
}

impl Target {
    /// Returns what kind of sink it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ndjson { .. } => Kind::Ndjson,
            Self::Webhook { .. } => Kind::Webhook,
            Self::Slack { .. } => Kind::Slack,
            Self::Sns { .. } => Kind::Sns,
            Self::EventBridge { .. } => Kind::EventBridge,
            Self::Sqs { .. } => Kind::Sqs,
            Self::SecurityHub { .. } => Kind::SecurityHub,
        }
    }
}

/// The findings that a sink gets. The default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkFilter {
    /// Globs of detections; empty: every one.
    pub detections: Vec<glob::Pattern>,
    /// The least severity. `None`: any.
    pub severity: Option<Severity>,
    /// Glob of the job's name. `None`: any, and none.
    pub job: Option<glob::Pattern>,
}

impl SinkFilter {
    /// Returns whether a finding is for the sink. Of several candidates for the job, one that fits is enough.
    pub fn fits(&self, finding: &Finding) -> bool {
        let detection = self.detections.is_empty()
            || self.detections.iter().any(|glob| glob.matches(&finding.detection));
        let job = self.job.as_ref().is_none_or(|glob| {
            finding.job_name.iter().chain(&finding.job_candidates).any(|job| glob.matches(job))
        });
        detection && job && self.severity.is_none_or(|least| finding.severity >= least)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Raw {
    name: Option<String>,
    #[serde(default)]
    detections: Vec<String>,
    severity: Option<Severity>,
    job: Option<String>,
    timeout: Option<String>,
    retries: Option<u32>,
    path: Option<PathBuf>,
    url: Option<String>,
    url_env: Option<String>,
    url_file: Option<PathBuf>,
    #[serde(default)]
    headers: BTreeMap<String, secret::Value>,
    secret: Option<String>,
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
    #[serde(default)]
    plain_http: bool,
    topic: Option<String>,
    bus: Option<String>,
    region: Option<String>,
    queue: Option<String>,
}

#[derive(Deserialize)]
struct Alerts {
    #[serde(default)]
    alert: Vec<Raw>,
}

impl Config {
    /// Reads every `[[alert]]` of the text of a `flowq.toml`, in the order of the file.
    ///
    /// # Errors
    ///
    /// One sentence with the line, or the place in the order, and for an unknown key the nearest known one.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let kinds = kinds(text)?;
        let raw: Alerts = toml::from_str(text).map_err(|err| one_line(text, &err))?;
        let mut names = BTreeSet::new();
        let mut configs = Vec::new();
        for (at, (raw, kind)) in raw.alert.into_iter().zip(kinds).enumerate() {
            let name = raw.name.clone().unwrap_or_else(|| kind.as_str().to_owned());
            let failed = |problem: String| format!("alert {} ({name}): {problem}", at + 1);
            check_name(&name).map_err(failed)?;
            if !names.insert(name.to_lowercase()) {
                return Err(failed("another alert has this name; give each a `name`".to_owned()));
            }
            configs.push(Self::new(name.clone(), kind, raw).map_err(failed)?);
        }
        Ok(configs)
    }

    fn new(name: String, kind: Kind, raw: Raw) -> Result<Self, String> {
        let globs = raw.detections.iter().map(|text| glob("detections", text));
        let filter = SinkFilter {
            detections: globs.collect::<Result<_, _>>()?,
            severity: raw.severity,
            job: raw.job.as_deref().map(|text| glob("job", text)).transpose()?,
        };
        let timeout = raw.timeout.as_deref().map(|text| {
            let time = humantime::parse_duration(text).ok().filter(|time| !time.is_zero());
            time.ok_or_else(|| format!("timeout = {text:?} is no duration such as 10s"))
        });
        let timeout = timeout.transpose()?.unwrap_or(TIMEOUT);
        let retries = raw.retries.unwrap_or(RETRIES);
        if retries > RETRIES_MAX {
            return Err(format!("retries = {retries} is more than {RETRIES_MAX}"));
        }
        let target = target(kind, raw)?;
        Ok(Self { name, target, filter, timeout, retries })
    }
}

fn target(kind: Kind, raw: Raw) -> Result<Target, String> {
    let arn = |key: &str, text: Option<String>, service: &str| {
        let text = text.ok_or_else(|| format!("{} needs {key}", kind.as_str()))?;
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let is_arn = matches!(parts[..], ["arn", _, of, region, account, name]
            if of == service && ![region, account, name].contains(&""));
        if is_arn { Ok(text) } else { Err(format!("{key} = {text:?} is no ARN of {service}")) }
    };
    Ok(match kind {
        Kind::Ndjson => {
            let path = raw.path.ok_or("ndjson needs path: a file, or \"-\" for standard output")?;
            Target::Ndjson { path: Some(path).filter(|path| path.as_os_str() != "-") }
        }
        Kind::Webhook | Kind::Slack => {
            let plain_http = raw.plain_http;
            let url = one_secret("url", raw.url, raw.url_env, raw.url_file)?;
            let url =
                url.ok_or_else(|| format!("{} needs url-env, url-file or url", kind.as_str()))?;
            if let Secret::Text(text) = &url {
                check_url(text, plain_http)?;
            }
            if kind == Kind::Slack {
                return Ok(Target::Slack { url, plain_http });
            }
            for name in raw.headers.keys() {
                check_header(name)?;
            }
            let headers = raw.headers.into_iter().map(|(name, value)| (name, value.into()));
            let secret = one_secret("secret", raw.secret, raw.secret_env, raw.secret_file)?;
            Target::Webhook { url, headers: headers.collect(), secret, plain_http }
        }
        Kind::Sns => Target::Sns { topic: arn("topic", raw.topic, "sns")? },
        Kind::EventBridge => {
            let bus = raw.bus.unwrap_or_else(|| "default".to_owned());
            let bus = if bus.starts_with("arn:") { arn("bus", Some(bus), "events")? } else { bus };
            Target::EventBridge { bus, region: raw.region }
        }
        Kind::Sqs => {
            let queue = raw.queue.ok_or("sqs needs queue: its URL, ARN or name")?;
            Address::parse(&queue).map_err(|err| format!("queue = {queue:?}: {err}"))?;
            Target::Sqs { queue }
        }
        Kind::SecurityHub => Target::SecurityHub { region: raw.region },
    })
}

fn one_secret(
    key: &str,
    text: Option<String>,
    env: Option<String>,
    file: Option<PathBuf>,
) -> Result<Option<Secret>, String> {
    let given = [text.map(Secret::Text), env.map(Secret::Env), file.map(Secret::File)];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(_), Some(_)) => Err(format!("{key}, {key}-env and {key}-file exclude each other")),
        (first, _) => Ok(first),
    }
}

fn glob(key: &str, text: &str) -> Result<glob::Pattern, String> {
    glob::Pattern::new(text).map_err(|err| format!("{key} = {text:?}: {err}"))
}
