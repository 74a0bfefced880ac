//! What can be said of packages without building them: their files exist, their names agree, the checks pass.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{root, tool};

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|err| panic!("{path}: {err}"))
}

fn manifest() -> toml::Table {
    text("Cargo.toml").parse().unwrap()
}

/// The files that a list of assets names, of those that are part of the project.
fn sources(assets: &toml::Value) -> Vec<String> {
    let source = |asset: &toml::Value| match asset {
        toml::Value::Array(parts) => parts[0].as_str().unwrap().to_owned(),
        asset => asset["source"].as_str().unwrap().to_owned(),
    };
    let sources = assets.as_array().unwrap().iter().map(source);
    sources.filter(|source| !source.starts_with("target/")).collect()
}

#[test]
fn the_files_of_the_packages_exist() {
    let metadata = manifest()["package"]["metadata"].clone();
    let (deb, rpm) = (&metadata["deb"], &metadata["generate-rpm"]);
    let mut paths = [sources(&deb["assets"]), sources(&rpm["assets"])].concat();
    paths.push(deb["license-file"][0].as_str().unwrap().to_owned());
    for key in ["post_install_script", "pre_uninstall_script"] {
        paths.push(rpm[key].as_str().unwrap().to_owned());
    }
    assert!(paths.len() >= 12, "{paths:?}");
    for path in paths {
        let folder = path.strip_suffix("/*").unwrap_or(&path);
        assert!(root().join(folder).exists(), "{path}");
    }
    // What is made for packages is made by the script that both need.
    let stage = text("packaging/stage.sh");
    for made in ["man1", "completions", "systemd", "changelog.Debian", "THIRD-PARTY-LICENCES.txt"] {
        assert!(stage.contains(&format!("$package_dir/{made}")) || stage.contains(made), "{made}");
    }
}

#[test]
fn binstall_downloads_what_the_release_has() {
    let binstall = manifest()["package"]["metadata"]["binstall"].clone();
    let url = binstall["pkg-url"].as_str().unwrap();
    assert!(url.ends_with("/v{ version }/flowq-{ version }-{ target }.tar.gz"), "{url}");
    assert_eq!(
        binstall["bin-dir"].as_str().unwrap(),
        "flowq-{ version }-{ target }/{ bin }{ binary-ext }"
    );
    let packages = text("packaging/packages.sh");
    assert!(packages.contains("archive=flowq-$version-$target\n"));
    assert!(packages.contains("\"$dist/$archive.tar.gz\""));
    let release = text(".github/workflows/release.yml");
    for target in ["linux-gnu", "darwin"] {
        let target = if target == "darwin" { "apple-darwin" } else { "unknown-linux-gnu" };
        for processor in ["x86_64", "aarch64"] {
            assert!(
                release.contains(&format!("target: {processor}-{target}")),
                "{processor}-{target}"
            );
        }
    }
}

#[test]
fn the_workflows_pin_actions_and_call_scripts_that_exist() {
    for file in fs::read_dir(root().join(".github/workflows")).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            let name = path.display();
            if let Some((_, action)) = line.split_once("uses: ") {
                let hash = action.split(['@', ' ']).nth(1).unwrap_or_default();
                let is_hash = hash.len() == 40 && hash.chars().all(|c| c.is_ascii_hexdigit());
                assert!(is_hash, "{name}: {action}: not pinned to a commit");
            }
            for word in line.split_whitespace() {
                if word.starts_with("packaging/") || word == ".ci/run" {
                    assert!(root().join(word).is_file(), "{name}: {word}");
                }
            }
        }
    }
    assert!(text(".github/workflows/ci.yml").contains("- run: .ci/run\n"));
}

#[test]
fn the_version_of_rust_is_one() {
    let stated = manifest()["package"]["rust-version"].as_str().unwrap().to_owned();
    assert!(text("Dockerfile").contains(&format!("FROM rust:{stated}-")));
    for workflow in ["ci.yml", "release.yml"] {
        let text = text(&format!(".github/workflows/{workflow}"));
        for line in text.lines().filter(|line| line.contains("rustup ")) {
            assert!(line.contains(&format!("install {stated} ")), "{workflow}: {line}");
            assert!(line.ends_with(&format!("default {stated}")), "{workflow}: {line}");
        }
    }
}

#[test]
fn the_checks_that_need_no_build_pass() {
    // Each tool that is not installed is skipped by the script itself, with a line.
    if let Some(said) = tool("bash", &["packaging/check.sh", "--offline"], root()) {
        for line in said.lines().filter(|line| line.starts_with("SKIPPED")) {
            crate::support::skip(line.trim_start_matches("SKIPPED").trim_start_matches([':', ' ']));
        }
        assert!(
            said.contains("packages, 0 with a licence that deny.toml does not allow"),
            "{said}"
        );
    }
}

#[test]
fn a_binary_that_needs_a_newer_glibc_is_refused() {
    let script = root().join("packaging/glibc-ceiling.sh");
    let run = |version: &str| {
        let binary = Path::new(env!("CARGO_BIN_EXE_flowq"));
        Command::new("bash").arg(&script).arg(binary).arg(version).output().unwrap()
    };
    if Command::new("objdump").arg("--version").output().is_err() {
        return crate::support::skip("the glibc that the binary needs: objdump is not installed");
    }
    if cfg!(not(all(target_os = "linux", target_env = "gnu"))) {
        return crate::support::skip("the glibc that the binary needs: it uses none");
    }
    assert!(run("99.0").status.success());
    let refused = run("2.3");
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("which is newer than 2.3"), "{said}");
}
