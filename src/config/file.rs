//! Reads and checks `flowq.toml`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};
use toml::de::DeTable;

use crate::allow::AllowRule;
use crate::audit::{CHECKS, Check};
use crate::config::prices::Prices;
use crate::detection::finding::FIELDS;
use crate::detection::{
    Confidence, Detection, Error as DetectionError, Severity, Suppression, find,
};
use crate::diagnostics::{check_keys, line_of, nearest, one_line};
use crate::{alert, metrics};

/// The whole configuration. The default allows nothing and changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `sources`: what is read where the command line names nothing.
    pub sources: Vec<String>,
    /// `inventory`: where it comes from where the command line names nothing.
    pub inventory: Vec<String>,
    /// `[[allow]]`, in the order of the file.
    pub allow: Vec<AllowRule>,
    /// `baseline`: the file with the rules that were learned, relative to the folder of this one.
    pub baseline: Option<String>,
    /// The rules of that file. Who reads the configuration fills them in.
    pub learned: Vec<AllowRule>,
    /// `[detections.ID]`.
    pub detections: BTreeMap<String, DetectionConfig>,
    /// `[[suppress]]`, in the order of the file.
    pub suppress: Vec<Suppression>,
    /// `[[alert]]`, in the order of the file.
    pub alerts: Vec<alert::Config>,
    /// `[metrics]`.
    pub metrics: metrics::Config,
    /// `[feed]`.
    pub feed: Feed,
    /// `[prices]`.
    pub prices: Prices,
}

/// What `[feed]` sets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Feed {
    /// `lake`: the folder or `s3://…` that the records are stored in. `None`: the feed cannot run.
    pub lake: Option<String>,
    /// `state`: where the feed keeps what it knows. `None`: in the lake.
    pub state: Option<String>,
    /// `interval`: from the begin of one pass to the begin of the next, where nothing waits. 0: at once.
    #[serde(deserialize_with = "metrics::duration")]
    pub interval: Duration,
    /// `inventory-every`: how long an inventory is good before it is read, or collected, again.
    #[serde(deserialize_with = "metrics::duration")]
    pub inventory_every: Duration,
    /// `lateness`: how late an object may be delivered and still be found by listing.
    #[serde(deserialize_with = "metrics::duration")]
    pub lateness: Duration,
    /// `compact-every`: how often small files of the lake are merged, and old ones let go of.
    #[serde(deserialize_with = "metrics::duration")]
    pub compact_every: Duration,
    /// `keep`: retention of records and findings. `None`: no limit.
    #[serde(deserialize_with = "some_duration")]
    pub keep: Option<Duration>,
}

impl Feed {
    /// The keys of `[feed]`.
    const KEYS: &[&str] =
        &["lake", "state", "interval", "inventory-every", "lateness", "compact-every", "keep"];
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            lake: None,
            state: None,
            interval: Duration::from_secs(60),
            inventory_every: Duration::from_secs(5 * 60),
            lateness: Duration::from_secs(7 * 86_400),
            compact_every: Duration::from_secs(3600),
            keep: None,
        }
    }
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    metrics::duration(deserializer).map(Some)
}

/// What `[detections.ID]` sets.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct DetectionConfig {
    /// `false` switches it off. `None`: on.
    pub enabled: Option<bool>,
    /// Severity of all its findings, instead of the header's and the row's own.
    pub severity: Option<Severity>,
    /// Parameters that differ from the header's.
    pub params: toml::Table,
    /// Line of the file that it starts on.
    #[serde(skip)]
    pub line: usize,
}

/// Why a configuration cannot be used: one sentence, with the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    sources: Vec<String>,
    inventory: Vec<String>,
    baseline: Option<String>,
    allow: Vec<AllowRule>,
    detections: BTreeMap<String, DetectionConfig>,
    suppress: Vec<BTreeMap<String, toml::Value>>,
    metrics: metrics::Config,
    feed: Feed,
    prices: Prices,
}

impl Config {
    /// Reads the text of a `flowq.toml`.
    ///
    /// [`Config::apply`] checks that the detections and parameters that it names exist, since the
    /// user's own detections count too.
    ///
    /// # Errors
    ///
    /// [`Error`] with the line, and for an unknown key the nearest known one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        #[rustfmt::skip]
        let top = [
            "sources", "inventory", "baseline", "allow", "detections", "suppress", "alert", "metrics",
            "feed", "prices",
        ];
        check_keys(text, &[], &top).map_err(Error)?;
        check_keys(text, &["allow"], AllowRule::KEYS).map_err(Error)?;
        let fields: Vec<&str> = FIELDS.iter().copied().chain(["until"]).collect();
        check_keys(text, &["suppress"], &fields).map_err(Error)?;
        check_keys(text, &["metrics"], metrics::Config::KEYS).map_err(Error)?;
        check_keys(text, &["feed"], Feed::KEYS).map_err(Error)?;
        check_keys(text, &["prices"], Prices::KEYS).map_err(Error)?;
        let lines = detection_lines(text);
        for id in lines.keys() {
            check_keys(text, &["detections", id], &["enabled", "severity", "params"])
                .map_err(Error)?;
        }
        let mut raw: Raw = toml::from_str(text).map_err(|err| Error(one_line(text, &err)))?;
        let mut detections = std::mem::take(&mut raw.detections);
        for (id, detection) in &mut detections {
            detection.line = lines.get(id).copied().unwrap_or_default();
        }
        let suppress =
            std::mem::take(&mut raw.suppress).into_iter().enumerate().map(|(at, fields)| {
                suppression(fields)
                    .map_err(|problem| Error(format!("suppress {}: {problem}", at + 1)))
            });
        let suppress = suppress.collect::<Result<_, _>>()?;
        let Raw { sources, inventory, baseline, allow, metrics, feed, prices, .. } = raw;
        prices.check().map_err(|problem| Error(format!("prices: {problem}")))?;
        metrics.check().map_err(|problem| Error(format!("metrics: {problem}")))?;
        let alerts = alert::Config::parse_all(text).map_err(Error)?;
        Ok(Self {
            sources,
            inventory,
            baseline,
            allow,
            learned: Vec::new(),
            detections,
            suppress,
            alerts,
            metrics,
            feed,
            prices,
        })
    }

    /// Reads the text of a file of learned rules, which holds `[[allow]]` and nothing else.
    pub fn parse_baseline(text: &str) -> Result<Vec<AllowRule>, Error> {
        check_keys(text, &[], &["allow"]).map_err(Error)?;
        Self::parse(text).map(|config| config.allow)
    }

    /// Returns all rules: those of this file, then those that were learned.
    pub fn rules(&self) -> Vec<AllowRule> {
        self.allow.iter().chain(&self.learned).cloned().collect()
    }

    /// Gives what is read, and where the inventory comes from, to a command line that names none.
    pub fn complete(&self, sources: &mut Vec<String>, inventory: &mut Vec<String>) {
        for (named, own) in [(sources, &self.sources), (inventory, &self.inventory)] {
            if named.is_empty() {
                named.clone_from(own);
            }
        }
    }

    /// Sets severities and parameters of the detections, and takes those away that are switched off.
    ///
    /// # Errors
    ///
    /// [`Error`] for an unknown detection or parameter, with the nearest, or a value of another type.
    pub fn apply(&self, detections: &mut Vec<Detection>) -> Result<(), Error> {
        for (id, set) in &self.detections {
            let failed = |err: DetectionError| Error(format!("line {}: {err}", set.line));
            let detection = find(detections, id).map_err(failed)?;
            detection.severity_set = set.severity.or(detection.severity_set);
            for (name, value) in &set.params {
                detection.set_param(name, value).map_err(failed)?;
            }
        }
        let checks: Vec<String> = CHECKS.iter().map(Check::detection).collect();
        let ids: Vec<&str> = detections
            .iter()
            .map(|known| known.id.as_str())
            .chain(checks.iter().map(String::as_str))
            .collect();
        for alert in &self.alerts {
            for glob in &alert.filter.detections {
                fits_some("detection", glob, &ids)
                    .map_err(|problem| Error(format!("alert {}: {problem}", alert.name)))?;
            }
        }
        let severities: Vec<&str> = Severity::ALL.iter().map(|one| one.as_str()).collect();
        let confidences: Vec<&str> = Confidence::ALL.iter().map(|one| one.as_str()).collect();
        for (at, suppression) in self.suppress.iter().enumerate() {
            for (field, known) in
                [("detection", &ids), ("severity", &severities), ("confidence", &confidences)]
            {
                let Some(glob) = suppression.pattern(field) else { continue };
                fits_some(field, glob, known)
                    .map_err(|problem| Error(format!("suppress {}: {problem}", at + 1)))?;
            }
        }
        let is_on = |id: &str| self.detections.get(id).and_then(|set| set.enabled).unwrap_or(true);
        detections.retain(|detection| is_on(&detection.id));
        Ok(())
    }
}

/// Checks that a glob fits one of the known names at least: a typing error would silently fit none.
fn fits_some(what: &str, glob: &glob::Pattern, known: &[&str]) -> Result<(), String> {
    if known.iter().any(|name| glob.matches(name)) {
        return Ok(());
    }
    let near = nearest(glob.as_str(), known.iter().copied());
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Err(format!("no {what} fits {glob}{hint}"))
}

/// Returns the ids under `[detections]` with their lines.
fn detection_lines(text: &str) -> BTreeMap<String, usize> {
    let Ok(root) = DeTable::parse(text) else { return BTreeMap::new() };
    let detections = root.get_ref().get("detections").and_then(|value| value.get_ref().as_table());
    let keys = detections.into_iter().flat_map(|table| table.keys());
    keys.map(|key| (key.get_ref().to_string(), line_of(text, key.span().start))).collect()
}

fn suppression(mut fields: BTreeMap<String, toml::Value>) -> Result<Suppression, String> {
    let text = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Datetime(time) => Some(time.to_string()),
        _ => None,
    };
    let until = fields.remove("until");
    let until = until.map(|until| {
        let read = text(&until).and_then(|text| end_of(&text));
        read.ok_or_else(|| format!("until = {until} is no date and no RFC 3339 time"))
    });
    let reason = fields.remove("reason").and_then(|reason| text(&reason));
    let fields = fields.into_iter().map(|(name, value)| match text(&value) {
        Some(text) => Ok((name, text)),
        None => Err(format!("{name} must be a text or a number")),
    });
    let fields = fields.collect::<Result<BTreeMap<_, _>, _>>()?;
    Suppression::new(fields, reason, until.transpose()?).map_err(|err| err.to_string())
}

/// Returns when a date or time is over, Unix seconds, UTC: a date counts to its last second.
fn end_of(text: &str) -> Option<i64> {
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp());
    }
    let next = text.parse::<NaiveDate>().ok()?.succ_opt()?;
    Some(next.and_hms_opt(0, 0, 0)?.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::built_in;

    const GOOD: &str = r#"sources = ["s3://logs/AWSLogs/"]
[[allow]]
to = "10.20.0.0/16"
ports = [443]

[detections.unexpected-egress]
severity = "low"
params = { min_bytes = 5 }

[detections.attempted-egress]
enabled = false

[[suppress]]
detection = "s3-*"
remote_port = 443
until = 2026-01-31
reason = "known"

[metrics]
listen = "127.0.0.1:9464"

[feed]
interval = "30s"
"#;

    fn broken(from: &str, to: &str) -> String {
        let config = Config::parse(&GOOD.replace(from, to));
        let applied = config.and_then(|config| config.apply(&mut built_in().unwrap()));
        applied.unwrap_err().to_string()
    }

    #[test]
    fn a_configuration_is_read_and_applied() {
        let config = Config::parse(GOOD).unwrap();
        let mut detections = built_in().unwrap();
        config.apply(&mut detections).unwrap();
        assert!(!detections.iter().any(|known| known.id == "attempted-egress"));
        let egress = detections.iter().find(|known| known.id == "unexpected-egress").unwrap();
        assert_eq!(egress.severity_set, Some(Severity::Low));
        assert_eq!(config.suppress[0].until, Some(1_769_904_000));
        assert_eq!(config.allow.len(), 1);
        assert_eq!(config.sources, ["s3://logs/AWSLogs/"]);
        assert!(config.inventory.is_empty());
        assert_eq!(config.metrics.listen.unwrap().port(), 9464);
        assert_eq!(config.feed.interval, Duration::from_secs(30));
        assert_eq!(Config::parse("").unwrap().feed, Feed::default());
    }

    #[test]
    fn mistakes_name_the_line_and_the_nearest_name() {
        let cases = [
            ("[[allow]]", "[[alow]]", "line 2: unknown key alow; did you mean allow?"),
            ("ports", "prots", "line 4: unknown key prots in allow; did you mean ports?"),
            ("params", "parms", "unknown key parms in unexpected-egress; did you mean params?"),
            (
                "min_bytes",
                "min_byte",
                "line 6: unknown parameter min_byte; did you mean min_bytes?",
            ),
            (
                "[detections.unexpected-egress]",
                "[detections.unexpected-egres]",
                "line 6: unknown detection unexpected-egres; did you mean unexpected-egress?",
            ),
            ("\"low\"", "\"lo\"", "line 7: unknown severity lo; did you mean low?"),
            (
                "= 5",
                "= true",
                "line 6: parameter min_bytes of detection unexpected-egress must be a number",
            ),
            (
                "remote_port",
                "remote_prot",
                "line 15: unknown key remote_prot in suppress; did you mean",
            ),
            ("= 2026-01-31", "= \"soon\"", "suppress 1: until = \"soon\" is no date"),
            ("listen", "lisen", "line 20: unknown key lisen in metrics; did you mean listen?"),
            ("127.0.0.1:9464", "9464", "line 20: "),
            ("interval", "intervall", "unknown key intervall in feed; did you mean interval?"),
            (
                "[feed]",
                "[prices]\nnat-gatway = 1\n[feed]",
                "unknown key nat-gatway in prices; did you mean",
            ),
            (
                "[feed]",
                "[prices]\nnat-gateway = -1\n[feed]",
                "prices: nat-gateway = -1 is no price",
            ),
            ("30s", "often", "\"often\" is no duration; write 90s"),
            ("listen = \"127.0.0.1:9464\"", "cloudwatch-namespace = \"\"", "metrics: cloudwatch"),
            (
                "[[suppress]]",
                "[[alert]]\ntype = \"slak\"\n[[suppress]]",
                "line 14: unknown alert type slak",
            ),
            (
                "[[suppress]]",
                "[[alert]]\ntype = \"ndjson\"\npath = \"-\"\ndetections = [\"s3-endpoint-bypas\"]\n[[suppress]]",
                "alert ndjson: no detection fits s3-endpoint-bypas; did you mean s3-endpoint-bypass?",
            ),
            (
                "[[suppress]]",
                "[[suppress]]\ndetection = \"unexpected-egres\"\n[[suppress]]",
                "suppress 1: no detection fits unexpected-egres; did you mean unexpected-egress?",
            ),
            (
                "[[suppress]]",
                "[[suppress]]\nconfidence = \"weke\"\n[[suppress]]",
                "suppress 1: no confidence fits weke; did you mean weak?",
            ),
        ];
        for (from, to, message) in cases {
            let err = broken(from, to);
            assert!(err.contains(message), "{err}");
        }
    }
}
