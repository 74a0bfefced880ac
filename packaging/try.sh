#!/usr/bin/env bash
# Installs each package of packages.sh into a new root and runs it on the sample logs. Nothing on this machine changes.
# Usage: packaging/try.sh [TARGET]. Root is needed for .deb and .rpm.
# shellcheck source=packaging/common.sh
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expected=$(sed -n 's/^The first command prints \([0-9]*\) findings.*/\1/p' README.md)

# As many findings of the sample logs as the README promises, and a version with a commit.
try() {
    local flowq=$1 name=$2 findings
    "$flowq" --version
    "$flowq" detect sample-logs/AWSLogs --inventory sample-logs/inventory --config sample-logs/flowq.toml \
        --format ndjson --quiet >"$work/findings.ndjson"
    findings=$(wc -l <"$work/findings.ndjson")
    if [ "$findings" != "$expected" ]; then
        echo "$name: $findings findings of the sample logs, not $expected" >&2
        exit 1
    fi
    echo "OK $name: $findings findings"
}

skip() {
    echo "SKIPPED $*"
}

one() {
    local files
    mapfile -t files < <(compgen -G "$dist/$1")
    if [ ${#files[@]} != 1 ]; then
        echo "$dist/$1: ${#files[@]} files, there must be one" >&2
        exit 1
    fi
    echo "${files[0]}"
}

architecture=${target%%-*}
case $target in
x86_64-*) debian=amd64 ;;
aarch64-*) debian=arm64 ;;
esac

archive=$(one "flowq-$version-$target.tar.gz")
tar -C "$work" -xzf "$archive"
try "$work/flowq-$version-$target/flowq" "$(basename "$archive")"

wheel=$(one "flowq-*_$architecture*.whl")
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-index --disable-pip-version-check "$wheel"
try "$work/venv/bin/flowq" "$(basename "$wheel")"

if [ "$(uname -s)" != Linux ]; then
    exit 0
fi

"$root/packaging/glibc-ceiling.sh" "$work/venv/bin/flowq" "$glibc"

deb=$(one "flowq_*_$debian.deb")
if command -v lintian >/dev/null; then
    lintian --fail-on error,warning "$deb"
    echo "OK lintian $(basename "$deb")"
else
    skip "lintian: not installed"
fi
if [ "$(id -u)" = 0 ] && command -v dpkg >/dev/null; then
    mkdir -p "$work/deb/var/lib/dpkg/updates" "$work/deb/var/lib/dpkg/info" "$work/deb/etc"
    touch "$work/deb/var/lib/dpkg/status"
    dpkg --root="$work/deb" --force-script-chrootless --force-depends -i "$deb" >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; exit 1; }
    try "$work/deb/usr/bin/flowq" "$(basename "$deb")"
    grep -q '^flowq:' "$work/deb/etc/passwd" || { echo "the user flowq was not created" >&2; exit 1; }
    test -s "$work/deb/usr/share/man/man1/flowq-detect.1.gz"
    test -s "$work/deb/usr/share/bash-completion/completions/flowq"
    dpkg --root="$work/deb" --status flowq | grep -q '/etc/flowq/flowq.toml [0-9a-f]' || { echo "flowq.toml is no conffile" >&2; exit 1; }
    if command -v systemd-analyze >/dev/null; then
        mkdir "$work/units"
        for unit in "$work"/deb/usr/lib/systemd/system/flowq-*; do
            sed "s|/usr/bin/flowq|$work/deb/usr/bin/flowq|" "$unit" >"$work/units/$(basename "$unit")"
        done
        (cd "$work/units" && systemd-analyze verify --man=no ./flowq-*) 2>&1 | grep -F flowq- && exit 1
        echo "OK systemd-analyze verify"
    else
        skip "systemd-analyze: not installed"
    fi
    dpkg --root="$work/deb" --force-script-chrootless --force-depends --purge flowq >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; exit 1; }
    test ! -e "$work/deb/usr/bin/flowq"
    test ! -e "$work/deb/etc/flowq/flowq.toml"
else
    skip "$(basename "$deb"): dpkg and root are needed"
fi

rpm=$(one "flowq-*.$architecture.rpm")
if [ "$(id -u)" = 0 ] && command -v rpm >/dev/null; then
    rpm -qpl "$rpm" >"$work/rpm-files"
    for file in /usr/bin/flowq /usr/share/man/man1/flowq-detect.1.gz /usr/lib/systemd/system/flowq-feed.service; do
        grep -qxF "$file" "$work/rpm-files" || { echo "$rpm lacks $file" >&2; exit 1; }
    done
    rpm -qpc "$rpm" | grep -qxF /etc/flowq/flowq.toml || { echo "flowq.toml is no config file of $rpm" >&2; exit 1; }
    mkdir "$work/rpm"
    rpm --root "$work/rpm" --initdb
    # The new root has no other package, and no shell for scripts.
    rpm --root "$work/rpm" -i --nodeps --noscripts "$rpm"
    try "$work/rpm/usr/bin/flowq" "$(basename "$rpm")"
else
    skip "$(basename "$rpm"): rpm and root are needed"
fi
