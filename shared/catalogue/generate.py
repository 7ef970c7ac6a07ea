#!/usr/bin/env python3
"""Generates the option catalogue from real Flink distributions and from operator.tsv and prefixes.tsv beside this file.

Usage: generate.py [--check]    --check compares with what is checked in and changes nothing

The distributions' jars come from PyPI (apache-flink-libraries) by pip into $SLUICE_CACHE/flink or ~/.cache/sluice/flink,
about 250 MB a version. A Java runtime (11 or newer, with its compiler) runs Options.java in each. A new Flink version is
one more line in VERSIONS.
"""

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# The newest patch release of each minor version that the API knows.
VERSIONS = ["1.15.4", "1.16.3", "1.17.2", "1.18.1", "1.19.3", "1.20.5", "2.0.2", "2.1.3", "2.2.1", "2.3.0"]

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "src" / "catalogue"
CACHE = Path(os.environ.get("SLUICE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice")

# Options of tables in SQL, of formats, hints and metric reporters, and of one operator's own settings: their keys mean
# nothing in a cluster's configuration.
NOT_OF_CLUSTERS = (
    "org.apache.flink.connector.base.table.",
    "org.apache.flink.connector.datagen.",
    "org.apache.flink.connector.file.table.",
    "org.apache.flink.connector.print.",
    "org.apache.flink.formats.",
    "org.apache.flink.metrics.",
    "org.apache.flink.streaming.api.graph.StreamConfig",
    "org.apache.flink.table.api.config.LookupJoinHintOptions",
    "org.apache.flink.table.api.config.MLPredictRuntimeConfigOptions",
    "org.apache.flink.table.api.config.VectorSearchRuntimeConfigOptions",
    "org.apache.flink.table.catalog.",
    "org.apache.flink.table.connector.",
    "org.apache.flink.table.factories.",
    "org.apache.flink.table.module.",
    "org.apache.flink.table.planner.hint.",
    "org.apache.flink.table.runtime.arrow.",
    "org.apache.flink.table.secret.",
    "org.apache.flink.table.sinks.",
    "org.apache.flink.table.utils.python.",
)
# ... except these, which a cluster reads.
OF_CLUSTERS = re.compile(r"(table|sql-gateway|workflow-scheduler)\.")


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    texts = "".join(f"{key}\t{escape(text)}\n" for keys, some in try_texts() for key in keys for text in some)
    options, prefixes, vectors = {}, {}, {}
    for version in VERSIONS:
        minor = version.rsplit(".", 1)[0]
        distribution = fetch(version)
        for what, *row in java(distribution, texts):
            if what == "option":
                add(row, minor, options, prefixes)
            else:
                key, text, verdict = row
                vectors.setdefault((key, text), {})[minor] = verdict
    minors = [version.rsplit(".", 1)[0] for version in VERSIONS]
    files = {
        DATA / "options.tsv": option_lines(options, minors),
        DATA / "prefixes.tsv": prefix_lines(prefixes, minors),
        DATA / "vectors.tsv": vector_lines(vectors, minors),
    }
    changed = False
    for path, lines in files.items():
        text = "".join(line + "\n" for line in lines)
        before = path.read_text() if path.exists() else ""
        if before != text:
            changed = True
            if check:
                diff = difflib.unified_diff(before.splitlines(), lines, str(path), "generated", n=0, lineterm="")
                print("\n".join(diff))
            else:
                path.write_text(text)
        print(f"{path.name}: {len(lines)} lines, {len(text)} bytes", file=sys.stderr)
    if check and changed:
        sys.exit("the catalogue differs from the distributions: run `make catalogue` and look at the difference")


def fetch(version):
    """The folder with lib, opt and plugins of this version."""
    home = CACHE / "flink" / version
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        print(f"fetching Flink {version}", file=sys.stderr)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
        # The jars are only in the sdist; pip asks it for its metadata, which builds nothing.
        pip += ["--no-deps", "--no-cache-dir", "--no-binary", ":all:", "--dest", folder]
        subprocess.run([*pip, f"apache-flink-libraries=={version}"], check=True)
        (sdist,) = Path(folder).glob("*.tar.gz")
        target = Path(folder) / "home"
        with tarfile.open(sdist) as archive:
            for member in archive:
                parts = Path(member.name).parts
                if member.isfile() and parts[1:2] == ("deps",) and parts[2] in ("lib", "opt", "plugins"):
                    path = target.joinpath(*parts[2:])
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with archive.extractfile(member) as source, path.open("wb") as out:
                        shutil.copyfileobj(source, out)
        target.rename(home)
    return home


def try_texts():
    """Keys of options of one type, and texts to try on each."""
    with (HERE / "texts.json").open() as file:
        return [(group["keys"], group["texts"]) for group in json.load(file)]


def escape(text):
    """What Options.java and YAML's double quotes both read as this text."""
    return "".join(c if " " <= c <= "~" and c not in '\\"' else f"\\u{ord(c):04x}" for c in text)


def java(distribution, texts):
    """Rows that Options.java prints."""
    home = os.environ.get("JAVA_HOME")
    command = [f"{home}/bin/java" if home else "java", "-XX:TieredStopAtLevel=1", "-Xmx1g"]
    # What would otherwise enter defaults from this machine.
    command += ["-Djava.io.tmpdir=/tmp", "-Duser.home=/root", "-Duser.name=root", "-Duser.dir=/opt/flink"]
    command += [str(HERE / "Options.java"), str(distribution)]
    result = subprocess.run(command, input=texts, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{result.stderr}")
    return [line.split("\t") for line in result.stdout.splitlines()]


def add(row, minor, options, prefixes):
    name, field, key, kind, default, fallbacks, values, notes = row
    if name.startswith(NOT_OF_CLUSTERS) and not OF_CLUSTERS.match(key):
        return
    notes = notes.split(",")
    for note in notes:
        if note.startswith("SuffixOption="):
            key = note.removeprefix("SuffixOption=") + "." + key
    if "<" in key:
        # Part of the key is the user's: whatever lies below is his.
        prefixes.setdefault(key.split("<")[0], {}).setdefault(minor, f"{name.rsplit('.', 1)[1]}")
        return
    aliases = tuple(fallbacks.split(",")) if fallbacks else ()
    if "Deprecated" in notes:
        aliases = ("!", *aliases)
    entry = (kind, default, values, aliases)
    options.setdefault(key, {}).setdefault(minor, [])
    if entry not in options[key][minor]:
        options[key][minor].append(entry)


def ranges(some, minors):
    """["1.15", "1.16", "2.0"] of all minors as "1.15-1.16,2.0-2.0"."""
    texts, start, previous = [], None, None
    for index, minor in enumerate(minors):
        if minor in some:
            if start is None:
                start = minor
            previous = minor
        if start is not None and (minor not in some or index == len(minors) - 1):
            texts.append(f"{start}-{previous}")
            start = None
    return ",".join(texts)


def option_lines(options, minors):
    rows = []
    for key, by_minor in options.items():
        entries = {}
        for minor, found in by_minor.items():
            # A field that is deprecated has no say where another one defines the key.
            found = [entry for entry in found if "!" not in entry[3]] or found
            if len(found) > 1:
                sys.exit(f"{key} is defined in several ways in Flink {minor}, and none is deprecated: {found}")
            for entry in found:
                entries.setdefault(entry, []).append(minor)
        aliases = {}
        for (kind, default, values, fallbacks), some in entries.items():
            rows.append((key, kind, ranges(some, minors), default, values, ",".join(fallbacks)))
            for fallback in fallbacks:
                # (One option names its own key.)
                if fallback != "!" and fallback.removeprefix("-") != key:
                    aliases.setdefault(fallback, []).extend(some)
        for alias, some in aliases.items():
            # ">" sends a deprecated spelling on, "~" one that Flink merely falls back to.
            rows.append((alias.removeprefix("-"), ">" if alias[0] == "-" else "~", ranges(some, minors), key, "", ""))
    with (HERE / "operator.tsv").open() as file:
        for line in file:
            if not line.startswith("#"):
                key, kind, default, aliases, values = line.rstrip("\n").split("\t")
                rows.append((key, kind, "*", default, values, aliases))
                for alias in aliases.replace("!", "").split(","):
                    if not alias:
                        continue
                    rows.append((alias.removeprefix("-"), ">", "*", key, "", ""))
    rows.sort(key=lambda row: (row[0].encode(), row[1] in "~>", minors.index(row[2].split("-")[0]) if row[2] != "*" else -1, row))
    return ["\t".join(row).rstrip("\t") for row in rows]


def prefix_lines(prefixes, minors):
    rows = [(prefix, ranges(by_minor, minors), sorted(by_minor.values())[-1]) for prefix, by_minor in prefixes.items()]
    with (HERE / "prefixes.tsv").open() as file:
        rows += [tuple(line.rstrip("\n").split("\t")) for line in file if not line.startswith("#")]
    return ["\t".join(row) for row in sorted(rows, key=lambda row: row[0].encode())]


def vector_lines(vectors, minors):
    rows = []
    for (key, text), by_minor in vectors.items():
        verdicts = {}
        for minor, verdict in by_minor.items():
            verdicts.setdefault(verdict, []).append(minor)
        rows += [(key, ranges(some, minors), text, verdict) for verdict, some in verdicts.items()]
    return ["\t".join(row) for row in rows]


if __name__ == "__main__":
    main()
