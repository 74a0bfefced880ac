//! Services that take a part of what is in a call: only the rest is sent again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::alert::tests::finding;
use crate::alert::transports::{DeliveryResult, ErrorKind};
use crate::alert::{Alert, AlertReason, Config, Sink, SinkContext};
use crate::aws::Options;
use crate::aws::s3::tests::fake_server::{Answer, Server};
use crate::detection::Severity;

/// Sends three alerts to a service that gives these answers, and the last of them for ever.
async fn send(config: &str, answers: Vec<Answer>) -> (Vec<DeliveryResult>, usize) {
    let last = answers.len() - 1;
    let server = Server::start(move |_, before| answers[before.min(last)].clone());
    let account = server.account(Options::default());
    let config = Config::parse_all(config).unwrap().remove(0);
    let stdout = Arc::new(Mutex::new(Vec::new()));
    let means = SinkContext { account: &account, lookup: &|_| None, stdout };
    let sink = Sink::new(&config, &means).unwrap();
    let alert =
        |id| Alert::new(&finding(id, Severity::Low, 1), 1, AlertReason::New, None, 1_773_130_000);
    let alerts = ["a", "b", "c"].map(alert);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let fates = sink.send(&alerts, 1_773_130_000, Duration::from_millis(1), deadline).await;
    (fates, server.requests().len())
}

fn troubles(fates: &[DeliveryResult]) -> Vec<Option<ErrorKind>> {
    fates.iter().map(|fate| fate.as_ref().err().map(|failure| failure.trouble)).collect()
}

#[tokio::test]
async fn a_topic_takes_two_of_three() {
    let config = "[[alert]]\ntype = \"sns\"\ntopic = \"arn:aws:sns:us-east-1:111122223333:t\"\n";
    let answer = |failed: &str| {
        Answer::new(
            200,
            format!(
                "<PublishBatchResponse><PublishBatchResult><Failed>{failed}</Failed>\
                 <Successful><member><Id>0</Id></member></Successful></PublishBatchResult></PublishBatchResponse>"
            ),
        )
    };
    let member = |id: u8, code: &str, fault: bool| {
        format!(
            "<member><Id>{id}</Id><Code>{code}</Code><Message>m</Message><SenderFault>{fault}</SenderFault></member>"
        )
    };
    let busy = answer(&(member(1, "InternalError", false) + &member(2, "InvalidParameter", true)));
    let (fates, calls) = send(config, vec![busy.clone(), answer("")]).await;
    assert_eq!((troubles(&fates), calls), (vec![None, None, Some(ErrorKind::Refused)], 2));
    let denied = Answer::error(403, "AuthorizationError");
    let (fates, calls) = send(config, vec![denied]).await;
    assert_eq!((troubles(&fates), calls), (vec![Some(ErrorKind::Closed); 3], 1));
}

#[tokio::test]
async fn a_bus_takes_two_of_three() {
    let config = "[[alert]]\ntype = \"eventbridge\"\n";
    let fine = r#"{"EventId":"e"}"#;
    let busy = r#"{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"}"#;
    let bad = r#"{"ErrorCode":"MalformedDetail","ErrorMessage":"no"}"#;
    let answer = |entries: &[&str]| {
        let (entries, count) = (entries.join(","), entries.len());
        Answer::new(200, format!(r#"{{"FailedEntryCount":{count},"Entries":[{entries}]}}"#))
    };
    let answers = vec![answer(&[busy, fine, bad]), answer(&[fine])];
    let (fates, calls) = send(config, answers).await;
    assert_eq!((troubles(&fates), calls), (vec![None, None, Some(ErrorKind::Refused)], 2));
}

#[tokio::test]
async fn security_hub_takes_two_of_three() {
    let config = "[[alert]]\ntype = \"security-hub\"\n";
    let who = Answer::new(
        200,
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>",
    );
    let answer = |id: &str, code: &str| {
        let id = format!("us-east-1/111122223333/flowq/{id}");
        Answer::new(
            200,
            format!(
                r#"{{"FailedCount":1,"SuccessCount":2,"FailedFindings":[{{"Id":"{id}","ErrorCode":"{code}","ErrorMessage":"m"}}]}}"#
            ),
        )
    };
    let answers = vec![who, answer("b", "InternalError"), answer("none", "")];
    let (fates, calls) = send(config, answers.clone()).await;
    assert_eq!((troubles(&fates), calls), (vec![None; 3], 3));
    let answers = vec![answers[0].clone(), answer("c", "InvalidInput")];
    let (fates, calls) = send(config, answers).await;
    assert_eq!((troubles(&fates), calls), (vec![None, None, Some(ErrorKind::Refused)], 2));
}
