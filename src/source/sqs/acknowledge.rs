//! Deletes or releases messages once the results of their objects are durable.

use crate::aws::sqs::Redrive;
use crate::source::sqs::splits::QueueMessage;
use crate::source::sqs::sqs_source::ReceivedMessages;
use crate::source::{Error, ReadOutcome};

/// Messages that failed and are reported one by one; the rest are counted.
const TOLD_MAX: usize = 20;

/// What is done with each message.
#[derive(Debug, Default)]
struct Acknowledgements<'a> {
    delete: Vec<&'a QueueMessage>,
    /// Given back at once: nothing was wrong with them.
    release: Vec<&'a QueueMessage>,
    /// Left until their time is over, so that the next try is not at once. With the object at fault.
    failed: Vec<(&'a QueueMessage, &'a str)>,
}

fn decide<'a>(letters: &'a [QueueMessage], outcome: &ReadOutcome) -> Acknowledgements<'a> {
    let mut verdicts = Acknowledgements::default();
    for letter in letters {
        let fault = letter.splits.iter().find(|split| outcome.failed.contains(*split));
        match fault {
            // That notifications were set up is no news to anybody.
            _ if letter.splits.is_empty() => verdicts.delete.push(letter),
            // What is outside the window went back when it was received.
            _ if !letter.read => {}
            Some(split) => verdicts.failed.push((letter, split)),
            None if outcome.complete && letter.whole => verdicts.delete.push(letter),
            _ => verdicts.release.push(letter),
        }
    }
    verdicts
}

impl ReceivedMessages {
    pub(super) async fn settle(
        &self,
        url: &str,
        outcome: &ReadOutcome,
    ) -> Result<Vec<String>, Error> {
        self.hold.stop();
        let verdicts = decide(&self.sorted.letters, outcome);
        let handles =
            |letters: &[&QueueMessage]| letters.iter().map(|l| l.handle.clone()).collect();
        let undeleted = self.queue.delete(handles(&verdicts.delete)).await;
        // Where that fails they come back when their time is over.
        self.queue.release(handles(&verdicts.release)).await;
        let count = undeleted.len();
        if let Some((_, source)) = undeleted.into_iter().next() {
            return Err(Error::Undeleted { id: url.to_owned(), count, source });
        }
        Ok(self.lines(url, &verdicts, outcome))
    }

    /// What the user should know of.
    fn lines(
        &self,
        url: &str,
        verdicts: &Acknowledgements<'_>,
        outcome: &ReadOutcome,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let redrive = self.queue.redrive.as_ref();
        for (letter, split) in verdicts.failed.iter().take(TOLD_MAX) {
            lines.push(failure(letter, split, redrive));
        }
        let untold = verdicts.failed.len().saturating_sub(TOLD_MAX) as u64;
        if untold > 0 {
            lines.push(format!("{url}: {} more failed in the same way", messages(untold)));
        }
        let others = self.sorted.others.iter().map(|(what, count)| format!("{count} {what}"));
        let others: Vec<String> = others.collect();
        if !others.is_empty() {
            let count = messages(self.sorted.others.values().sum());
            lines.push(format!(
                "{url}: {count} left, not about new objects of S3: {}",
                others.join(", ")
            ));
        }
        let outside =
            self.sorted.letters.iter().filter(|l| !l.splits.is_empty() && !l.whole).count();
        if outside > 0 {
            let count = messages(outside as u64);
            lines.push(format!(
                "{url}: {count} left: their objects reach outside --since and --until"
            ));
        }
        if !outcome.complete && !verdicts.release.is_empty() {
            let count = messages(verdicts.release.len() as u64);
            lines.push(format!(
                "{url}: {count} given back: only a command that reads everything deletes"
            ));
        }
        if self.hold.lost() > 0 {
            let count = messages(self.hold.lost());
            lines.push(format!("{url}: {count} could not be kept invisible: other consumers may have received them too"));
        }
        if self.full {
            lines.push(format!("{url} may have more messages than one run takes: run it again"));
        }
        lines
    }
}

/// Describes a message that failed, and what happens to it.
fn failure(letter: &QueueMessage, split: &str, redrive: Option<&Redrive>) -> String {
    let QueueMessage { message_id, receives, .. } = letter;
    let fate = match redrive {
        Some(Redrive { target, receives_max }) => {
            format!("after {receives_max} receives the queue moves it to {target}")
        }
        None => {
            "the queue has no redrive policy: it comes back until somebody deletes it".to_owned()
        }
    };
    let times = if *receives == 1 { "time" } else { "times" };
    format!(
        "message {message_id} is left, received {receives} {times}: {split} could not be read; {fate}"
    )
}

fn messages(count: u64) -> String {
    format!("{count} message{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn letter(message_id: &str, splits: &[&str], whole: bool, read: bool) -> QueueMessage {
        QueueMessage {
            message_id: message_id.into(),
            handle: format!("handle of {message_id}"),
            receives: 1,
            splits: splits.iter().map(|&split| split.into()).collect(),
            whole,
            read,
        }
    }

    fn ids<'a>(letters: &[&'a QueueMessage]) -> Vec<&'a str> {
        letters.iter().map(|letter| letter.message_id.as_str()).collect()
    }

    #[test]
    fn only_what_was_read_to_its_end_is_deleted() {
        let letters = [
            letter("test", &[], true, false),
            letter("read", &["a"], true, true),
            letter("again", &["a"], true, true),
            letter("both", &["a", "cut"], true, true),
            letter("cut", &["cut"], true, true),
            letter("edge", &["e"], false, true),
            letter("outside", &["o"], false, false),
        ];
        let failed = BTreeSet::from(["cut".to_owned()]);
        let all = decide(&letters, &ReadOutcome { complete: true, failed: failed.clone() });
        assert_eq!(ids(&all.delete), ["test", "read", "again"]);
        assert_eq!(ids(&all.release), ["edge"]);
        let at_fault: Vec<(&str, &str)> =
            all.failed.iter().map(|(letter, split)| (letter.message_id.as_str(), *split)).collect();
        assert_eq!(at_fault, [("both", "cut"), ("cut", "cut")]);

        let some = decide(&letters, &ReadOutcome { complete: false, failed });
        assert_eq!(ids(&some.delete), ["test"]);
        assert_eq!(ids(&some.release), ["read", "again", "edge"]);
        assert_eq!(some.failed.len(), 2);
    }

    #[test]
    fn a_failure_tells_what_becomes_of_the_message() {
        let mut letter = letter("4b2f", &["s3://b/k"], true, true);
        assert_eq!(
            failure(&letter, "s3://b/k", None),
            "message 4b2f is left, received 1 time: s3://b/k could not be read; the queue has no \
             redrive policy: it comes back until somebody deletes it"
        );
        letter.receives = 3;
        let redrive = Redrive { target: "arn:aws:sqs:us-east-1:1:dead".into(), receives_max: 5 };
        assert_eq!(
            failure(&letter, "s3://b/k", Some(&redrive)),
            "message 4b2f is left, received 3 times: s3://b/k could not be read; after 5 receives \
             the queue moves it to arn:aws:sqs:us-east-1:1:dead"
        );
    }
}
