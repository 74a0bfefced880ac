//! One pass of a collector while it runs.

use serde_json::{Value, json};

use crate::aws;
use crate::aws::Account;
use crate::aws::client::{Response, ServiceClient};
use crate::aws::operations::Operation;
use crate::inventory::documents::Reader;

/// How far back a source is queried again, since it may report late: CloudTrail within some 15 minutes.
pub(super) const OVERLAP_SECS: i64 = 20 * 60;

/// How long a job may run: one that was created so long before may still be running.
pub(super) const JOB_SECS_MAX: i64 = 9 * 24 * 60 * 60;

/// The most values that one filter of EC2 takes.
pub(super) const FILTER_VALUES_MAX: usize = 200;

/// One pass while it runs.
pub(super) struct CollectionPass<'a> {
    pub(super) api: &'a ServiceClient<&'a Account>,
    pub(super) now: i64,
    pub(super) reader: Reader,
    pub(super) warnings: Vec<String>,
    pub(super) notes: Vec<String>,
    /// How many sources were complete.
    pub(super) complete_sources: usize,
    /// Why the first that did not, did not.
    pub(super) first: Option<aws::Error>,
}

impl<'a> CollectionPass<'a> {
    pub(super) fn new(api: &'a ServiceClient<&'a Account>) -> Self {
        Self {
            api,
            now: 0,
            reader: Reader::default(),
            warnings: Vec::new(),
            notes: Vec::new(),
            complete_sources: 0,
            first: None,
        }
    }

    /// Returns the facts of a source, or warns of what is lost without it.
    pub(super) fn or_warn<T>(
        &mut self,
        result: Result<T, aws::Error>,
        call: &str,
        lost: &str,
    ) -> Result<Option<T>, aws::Error> {
        match result {
            Ok(value) => {
                self.complete_sources += 1;
                Ok(Some(value))
            }
            Err(error) if error.kind == aws::Kind::Credentials => Err(error),
            Err(error) => {
                self.warnings.push(format!("{call}: {error}: {lost}"));
                self.first.get_or_insert(error);
                Ok(None)
            }
        }
    }

    /// Makes a call with all its pages and takes the response; warns when that fails.
    pub(super) async fn take(
        &mut self,
        call: &Operation,
        params: Value,
        lost: &str,
    ) -> Result<bool, aws::Error> {
        let result = self.api.all(call, &params).await;
        let Some(answer) = self.or_warn(result, call.action, lost)? else { return Ok(false) };
        self.read(answer);
        Ok(true)
    }

    /// Takes a response, with the time that it was given.
    pub(super) fn read(&mut self, answer: Response) {
        read(&mut self.reader, answer, self.now);
    }
}

/// Takes a response, with the time that it was given: the service's own, or else `now`.
pub(super) fn read(reader: &mut Reader, answer: Response, now: i64) {
    let mut document = answer.document;
    document.insert("CollectedAt".to_owned(), answer.at.unwrap_or(now).into());
    reader.read_document(Value::Object(document));
}

/// Creates the filter of an EC2 call.
pub(super) fn filter(name: &str, values: &[String]) -> Value {
    json!({ "Filter": [{ "Name": name, "Value": values }] })
}
