#!/usr/bin/env bash
# Prints the section of CHANGELOG.md of a tag. Usage: packaging/release-notes.sh vX.Y.Z
set -euo pipefail
cd "$(dirname "$0")/.."
notes=$(awk -v start="## [${1#v}]" 'index($0, "## [") == 1 { on = index($0, start) == 1; next } on' CHANGELOG.md)
if [ -z "$notes" ]; then
    echo "CHANGELOG.md has no section for $1" >&2
    exit 1
fi
echo "$notes"
