//! `--profile` goes before the keys in the environment, as in every AWS tool.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use crate::support::{Run, command, run};

/// A server that refuses each request, and the requests that it got.
fn refusing() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = [0; 16 << 10];
            let length = stream.read(&mut head).unwrap_or(0);
            let body = "{\"__type\":\"AccessDeniedException\"}";
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            drop(stream.write_all(answer.as_bytes()));
            if sender.send(String::from_utf8_lossy(&head[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

/// Runs `flowq inventory collect` once with two sets of credentials: in the environment and in a profile.
fn collect(profile: Option<&str>, url: &str) -> Run {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), "[profile p]\nregion = us-east-1\n").unwrap();
    let keys = "[p]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n";
    fs::write(home.path().join(".aws/credentials"), keys).unwrap();
    let mut command = command();
    command.args(["inventory", "collect", "--to"]).arg(home.path().join("inventory"));
    command.args(profile.map(|name| format!("--profile={name}")));
    command.env("HOME", home.path()).env("AWS_ENDPOINT_URL", url).env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", "AKIAENV").env("AWS_SECRET_ACCESS_KEY", "s");
    command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
    run(&command.output().unwrap())
}

#[test]
fn the_named_profile_signs_and_the_environment_does_without_one() {
    for (profile, key) in [(None, "Credential=AKIAENV/"), (Some("p"), "Credential=AKIAPROFILE/")] {
        let (url, requests) = refusing();
        let run = collect(profile, &url);
        let seen: Vec<String> = requests.try_iter().collect();
        assert!(!seen.is_empty(), "{}", run.err);
        assert!(seen.iter().all(|request| request.contains(key)), "{profile:?}: {seen:#?}");
    }
}

#[test]
fn a_profile_that_is_not_defined_is_an_error_with_those_that_are() {
    let (url, requests) = refusing();
    let run = collect(Some("nope"), &url);
    assert_eq!(run.code, 4, "{}", run.err);
    assert!(
        run.err.contains("credentials: profile `nope` was not defined; there is p"),
        "{}",
        run.err
    );
    assert_eq!(requests.try_iter().count(), 0, "no call with other credentials");
}
