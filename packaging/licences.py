#!/usr/bin/env python3
"""Licences of everything that is compiled into flowq.

    packaging/licences.py                 check them against the list in deny.toml, print a table
    packaging/licences.py --texts FILE    also write the texts, which binary packages must carry

`cargo deny check licenses` does the same check; this one needs nothing but Cargo and Python 3.11.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXT_NAMES = re.compile(r"(?i)^(licen[cs]e|copying|copyright|notice|unlicense)([-._].*)?$")
TOKEN = re.compile(r"\(|\)|[^\s()/]+|/")


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def dependencies(target):
    """Packages that end up in the binary: not those of build scripts, tests, other targets or features that are off."""
    # Metadata names what any feature could need, the tree what is compiled.
    tree = cargo("tree", "--locked", "--edges", "normal", "--target", target, "--prefix", "none", "--format", "{p}")
    compiled = {tuple(line.split()[:2]) for line in tree.splitlines()}
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--locked", "--filter-platform", target))
    found = [package for package in metadata["packages"] if (package["name"], "v" + package["version"]) in compiled]
    found = [package for package in found if package["source"]]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences. `/` is the old way to write OR."""
    tokens = TOKEN.findall(expression)

    def either():
        value = both()
        while tokens and tokens[0] in ("OR", "/"):
            tokens.pop(0)
            value = both() or value
        return value

    def both():
        value = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = one() and value
        return value

    def one():
        token = tokens.pop(0)
        if token == "(":
            value = either()
            tokens.pop(0)
            return value
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        # An exception only permits more than the licence alone.
        return token in allowed or token.split(" WITH ")[0] in allowed

    return either() and not tokens


def texts(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and TEXT_NAMES.match(path.name)]
    if package.get("license_file"):
        files.append(folder / package["license_file"])
    return [path.read_text(errors="replace").strip() for path in dict.fromkeys(files)]


def write_texts(packages, path):
    users = {}
    without = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        own = texts(package)
        if not own:
            without.append(f"{name}: {package['license']}, {package.get('repository') or 'no repository named'}")
        for text in own:
            users.setdefault(text, []).append(name)
    parts = ["flowq contains the following software. Each text is followed by nothing but the next one."]
    for text, names in sorted(users.items(), key=lambda item: item[1]):
        parts.append("=" * 100 + "\n" + ", ".join(names) + "\n" + "=" * 100 + "\n\n" + text)
    if without:
        parts.append("=" * 100 + "\nPublished without a text of their licence\n" + "=" * 100 + "\n\n" + "\n".join(without))
    path.write_text("\n\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="x86_64-unknown-linux-gnu")
    parser.add_argument("--texts", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    rules = tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]
    exceptions = {entry["crate"]: entry["allow"] for entry in rules.get("exceptions", [])}
    packages = dependencies(options.target)
    refused = []
    by_licence = {}
    for package in packages:
        licence = package["license"] or ""
        allowed = set(rules["allow"]) | set(exceptions.get(package["name"], []))
        if not licence or not is_allowed(licence, allowed):
            refused.append(f"{package['name']} {package['version']}: {licence or 'no licence'}")
        by_licence.setdefault(licence, []).append(package["name"])
    for licence, names in sorted(by_licence.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):4}  {licence or '-'}" + (f"  ({', '.join(names)})" if len(names) <= 5 else ""))
    print(f"{len(packages)} packages, {len(refused)} with a licence that deny.toml does not allow")
    if options.texts:
        write_texts(packages, options.texts)
    for line in refused:
        print(f"error: {line}", file=sys.stderr)
    sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()
