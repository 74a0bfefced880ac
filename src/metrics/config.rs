//! `[metrics]` of `flowq.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// How old the last success may grow before `/readyz` fails, where the config says nothing.
const READY_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The CloudWatch namespace where the config says nothing.
const NAMESPACE: &str = "flowq";

/// What `[metrics]` sets. The default exports nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Config {
    /// `listen`: the address of `/metrics`, `/healthz` and `/readyz`. `None`: none.
    pub listen: Option<SocketAddr>,
    /// `ready-within`: how old the last success may grow before `/readyz` fails.
    #[serde(deserialize_with = "duration")]
    pub ready_within: Duration,
    /// `emf`: the file that CloudWatch embedded metrics are added to; `-` is standard output. `None`: none.
    pub emf: Option<PathBuf>,
    /// `put-metric-data`: whether CloudWatch is called after every pass.
    pub put_metric_data: bool,
    /// `cloudwatch-namespace`: the namespace of both.
    pub cloudwatch_namespace: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            ready_within: READY_WITHIN,
            emf: None,
            put_metric_data: false,
            cloudwatch_namespace: NAMESPACE.to_owned(),
        }
    }
}

impl Config {
    /// The keys of `[metrics]`.
    pub const KEYS: &[&str] =
        &["listen", "ready-within", "emf", "put-metric-data", "cloudwatch-namespace"];

    /// Checks what no single key can tell.
    ///
    /// # Errors
    ///
    /// One sentence: both ways to CloudWatch at once, or a namespace that CloudWatch refuses.
    pub fn check(&self) -> Result<(), String> {
        if self.emf.is_some() && self.put_metric_data {
            return Err("emf and put-metric-data together would count everything twice".to_owned());
        }
        let name = &self.cloudwatch_namespace;
        let known = |c: char| c.is_ascii_alphanumeric() || "._-/#:".contains(c);
        if name.is_empty() || name.len() > 255 || !name.chars().all(known) {
            return Err(format!(
                "cloudwatch-namespace = {name:?} must have 1 to 255 letters, digits or ._-/#:"
            ));
        }
        if name.starts_with("AWS/") {
            return Err(format!("cloudwatch-namespace = {name:?}: AWS/ is reserved by AWS"));
        }
        Ok(())
    }
}

/// Reads `90s`, `15min` or `1h`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map_err(|_| D::Error::custom(format!("{text:?} is no duration; write 90s, 15min or 1h")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_are_read() {
        let text = "listen = \"[::1]:9464\"\nready-within = \"1h\"\nemf = \"-\"\n\
            put-metric-data = false\ncloudwatch-namespace = \"a/b\"\n";
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config.listen.unwrap().port(), 9464);
        assert_eq!(config.ready_within, Duration::from_secs(3600));
        let keys: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(keys, Config::KEYS);
        config.check().unwrap();
    }

    #[test]
    fn what_cloudwatch_refuses_or_counts_twice_is_refused() {
        for (text, expected) in [
            ("emf = \"-\"\nput-metric-data = true", "count everything twice"),
            ("cloudwatch-namespace = \"\"", "1 to 255"),
            ("cloudwatch-namespace = \"my app\"", "letters, digits"),
            ("cloudwatch-namespace = \"AWS/Logs\"", "reserved by AWS"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            assert!(config.check().unwrap_err().contains(expected), "{text}");
        }
        for text in ["ready-within = \"soon\"", "listen = \"9464\"", "listen = \"localhost:9464\""]
        {
            toml::from_str::<Config>(text).unwrap_err();
        }
    }
}
