#!/usr/bin/env bash
# Fails if a binary needs a newer glibc. Usage: packaging/glibc-ceiling.sh BINARY VERSION
set -euo pipefail
binary=$1 allowed=$2
needed=$(objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | cut -d_ -f2 | sort -Vu | tail -1)
if [ -z "$needed" ]; then
    echo "$binary: no symbol of glibc was found" >&2
    exit 1
fi
newest=$(printf '%s\n%s\n' "$needed" "$allowed" | sort -V | tail -1)
if [ "$newest" != "$allowed" ]; then
    echo "$binary needs glibc $needed, which is newer than $allowed:" >&2
    objdump -T "$binary" | grep -F "GLIBC_$needed" >&2
    exit 1
fi
echo "$binary needs glibc $needed or later; $allowed is allowed"
