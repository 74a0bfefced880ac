#!/usr/bin/env bash
# Checks what needs no build: workflows, templates, manifests, modules, Dockerfiles, scripts, licences, advisories.
# Usage: packaging/check.sh [--offline]; --offline does not fetch the database of advisories.
offline=${1:-}
set --
# shellcheck source=packaging/common.sh
source "$(dirname "$0")/common.sh"
failed=0

# Runs a tool; says so if it is not installed.
check() {
    local tool=$1
    if ! command -v "$tool" >/dev/null; then
        echo "SKIPPED $tool: not installed"
    elif "$@"; then
        echo "OK $*"
    else
        echo "FAILED $*"
        failed=1
    fi
}

check check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
check zizmor --offline --persona=auditor .github/workflows
check cfn-lint examples/ecs/flowq.yaml
check hadolint Dockerfile examples/ecs/Dockerfile
for file in examples/kubernetes/*.yaml; do
    case $file in
    */kustomization.yaml) ;;
    *) check kubernetes-validate --strict --quiet "$file" ;;
    esac
done
if python3 -c 'import hcl2' 2>/dev/null; then
    check python3 -c 'import hcl2, sys; [hcl2.load(open(path)) for path in sys.argv[1:]]' examples/terraform/*.tf
else
    echo "SKIPPED python-hcl2: not installed"
fi
check shellcheck --external-sources packaging/*.sh packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm .ci/run
if python3 -c 'import tomllib' 2>/dev/null; then
    check python3 packaging/licences.py
else
    echo "SKIPPED packaging/licences.py: it needs Python 3.11"
fi

if command -v cargo-deny >/dev/null; then
    check cargo deny --locked check licenses bans sources
    # The database of advisories is a git repository on GitHub.
    if [ "$offline" = --offline ]; then
        echo "SKIPPED cargo deny check advisories: --offline"
    elif timeout 60 cargo deny fetch db; then
        check cargo deny --locked check advisories
    else
        echo "SKIPPED cargo deny check advisories: the database of advisories cannot be reached"
    fi
else
    echo "SKIPPED cargo-deny: not installed"
fi
exit "$failed"
