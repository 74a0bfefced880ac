//! `cloudwatch://log-group[?streams=prefix]`.

use crate::source::Error;

/// A log group, and which of its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// The name: `/aws/vpc/flow-logs`.
    pub(super) name: String,
    /// The ARN, without `:*`, where the URL has it.
    pub(super) arn: Option<Arn>,
    /// What the names of the streams begin with. `None`: all streams.
    pub(super) streams: Option<String>,
}

/// What the ARN of a log group states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arn {
    pub(super) text: String,
    pub(super) region: String,
    pub(super) account_id: String,
}

impl Group {
    /// Reads a URL. The log group is a name or an ARN; `%2F` and the like are decoded.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] states what is wrong with it.
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Url { id: url.to_owned(), reason: reason.to_owned() };
        let rest = url.strip_prefix("cloudwatch://").unwrap_or(url);
        let (group, query) = rest.split_once('?').unwrap_or((rest, ""));
        let decode = |text| decoded(text).ok_or_else(|| wrong("a % in it stands for no character"));
        let group = decode(group)?;
        let mut streams = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("streams", prefix)) if !prefix.is_empty() => streams = Some(decode(prefix)?),
                _ => return Err(wrong("only ?streams=PREFIX can follow the log group")),
            }
        }
        if streams.as_deref().is_some_and(|prefix| !is_stream(prefix)) {
            return Err(wrong("no log stream has such a name"));
        }
        let arn = match group.starts_with("arn:") {
            true => Some(arn(&group).ok_or_else(|| wrong("that is no ARN of a log group"))?),
            false => None,
        };
        let (name, arn) = match arn {
            Some((name, arn)) => (name, Some(arn)),
            None => (group, None),
        };
        if !is_name(&name) {
            return Err(wrong("a log group has a name of letters, digits and . - _ / #"));
        }
        Ok(Self { name, arn, streams })
    }

    /// How evidence names it.
    pub(super) fn id(&self) -> String {
        format!("cloudwatch://{}", self.arn.as_ref().map_or(&self.name, |arn| &arn.text))
    }
}

/// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME[:*]`.
fn arn(text: &str) -> Option<(String, Arn)> {
    let text = text.strip_suffix(":*").unwrap_or(text);
    let mut parts = text.splitn(7, ':');
    let (_, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account_id) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let (kind, name) = (parts.next()?, parts.next()?.to_owned());
    let is_one = service == "logs"
        && kind == "log-group"
        && !region.is_empty()
        && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_one.then(|| (name, Arn { text: text.to_owned(), region, account_id }))
}

fn is_name(name: &str) -> bool {
    (1..=512).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_/#".contains(&b))
}

fn is_stream(prefix: &str) -> bool {
    prefix.len() <= 512 && !prefix.contains(|c: char| c.is_control() || ":*\"\\".contains(c))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let (hex, after) = tail.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_slashes_and_streams_their_prefix() {
        let name = |url: &str| Group::parse(url).unwrap().name;
        assert_eq!(name("cloudwatch://flow-logs"), "flow-logs");
        assert_eq!(name("cloudwatch:///aws/vpc/flow"), "/aws/vpc/flow");
        assert_eq!(name("cloudwatch://%2Faws%2Fvpc%23flow"), "/aws/vpc#flow");
        let group = Group::parse("cloudwatch://a?streams=eni-0a%20b").unwrap();
        assert_eq!(group.streams.as_deref(), Some("eni-0a b"));
    }

    #[test]
    fn an_arn_tells_region_and_account() {
        let text = "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/vpc/flow";
        for url in [format!("cloudwatch://{text}"), format!("cloudwatch://{text}:*")] {
            let group = Group::parse(&url).unwrap();
            let arn = group.arn.clone().unwrap();
            assert_eq!((group.name.as_str(), arn.text.as_str()), ("/aws/vpc/flow", text));
            assert_eq!(
                (arn.region.as_str(), arn.account_id.as_str()),
                ("cn-north-1", "123456789012")
            );
            assert_eq!(group.id(), format!("cloudwatch://{text}"));
        }
    }

    #[test]
    fn what_names_no_log_group_is_refused() {
        for url in [
            "cloudwatch://",
            "cloudwatch://a b",
            "cloudwatch://a%2",
            "cloudwatch://a%zz",
            "cloudwatch://a?stream=x",
            "cloudwatch://a?streams=",
            "cloudwatch://a?streams=x%22y",
            "cloudwatch://arn:aws:s3:::bucket",
            "cloudwatch://arn:aws:logs:us-east-1:123456789012:log-group:",
        ] {
            let error = Group::parse(url).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{url} is not a source: ")), "{error}");
        }
    }
}
