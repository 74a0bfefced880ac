#!/usr/bin/env bash
# Fails if tag, version, changelog and repository do not agree. Usage: packaging/release-check.sh TAG REPOSITORY_URL
set -euo pipefail
cd "$(dirname "$0")/.."
tag=$1 repository=$2
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
if [ "$tag" != "v$version" ]; then
    echo "the tag is $tag, the version in Cargo.toml is $version" >&2
    exit 1
fi
if ! grep -qF "## [$version]" CHANGELOG.md; then
    echo "CHANGELOG.md has no section [$version]" >&2
    exit 1
fi
# `cargo binstall` downloads from there.
if ! grep -qF "repository = \"$repository\"" Cargo.toml; then
    echo "Cargo.toml does not name the repository: repository = \"$repository\"" >&2
    exit 1
fi
