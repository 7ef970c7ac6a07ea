#!/usr/bin/env python3
"""Writes what Flink's own BashJavaUtils answers behind each case of src/memory/flink.tsv.

Usage: generate.py [--check]    --check compares with what is checked in and changes nothing

A case is a line of the file with a role (JM or TM) and options, divided by a tab: to add one, add such a line and run this.
The distributions are those of the test images (tests/images/build.sh flink-dist-1.20 and flink-dist-2.3, which fetch
them once into the cache). All of them have to give the same answer. A Java runtime (17 or newer) runs them, once for each case, which takes minutes.
"""

import difflib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Branches of Flink as tests/images names them.
BRANCHES = ["1.20", "2.3"]

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "src" / "memory" / "flink.tsv"
IMAGES = HERE.parent.parent / "tests" / "images" / "build.sh"

JAVA_ERROR = "org.apache.flink.configuration.IllegalConfigurationException"
COMMANDS = {"JM": ("GET_JM_RESOURCE_PARAMS", "jobmanager.memory."), "TM": ("GET_TM_RESOURCE_PARAMS", "taskmanager.memory.")}
# The parts in the order of the columns, before metaspace and overhead; the first so many of them are the heap.
PARTS = {
    "JM": (["heap", "off-heap"], 1),
    "TM": (["framework.heap", "task.heap", "managed", "framework.off-heap", "task.off-heap", "network"], 2),
}


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    before = DATA.read_text().splitlines()
    with tempfile.TemporaryDirectory() as folder:
        homes = [unpack(branch, Path(folder)) for branch in BRANCHES]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            answered = list(pool.map(lambda line: complete(line, homes), before[3:]))
        versions = " and ".join(version(home) for home in homes)
    head = [f"# What BashJavaUtils GET_JM_RESOURCE_PARAMS and GET_TM_RESOURCE_PARAMS of the Flink distributions {versions} answer, in bytes."]
    for role, (parts, _) in PARTS.items():
        columns = " ".join(["process", "flink", *parts, "metaspace", "overhead"])
        head.append(f"# {role}: options below {COMMANDS[role][1]} -> {columns}")
    after = head + answered
    if before == after:
        return
    if check:
        print("\n".join(difflib.unified_diff(before, after, str(DATA), "Flink", n=0, lineterm="")))
        sys.exit("flink.tsv differs from what Flink answers: run `make memory` and look at the difference")
    DATA.write_text("".join(line + "\n" for line in after))


def unpack(branch, folder):
    """The distribution's folder."""
    result = subprocess.run([IMAGES, f"flink-dist-{branch}"], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    home = folder / branch
    with tarfile.open(result.stdout.strip()) as archive:
        wanted = re.compile(r"\./(bin/bash-java-utils\.jar|lib/flink-dist-.*\.jar)")
        archive.extractall(home, [member for member in archive if wanted.fullmatch(member.name)], filter="data")
    (home / "conf").mkdir()
    # The name that each of them reads; an empty configuration, so that only the case's options count.
    (home / "conf" / "config.yaml").write_text("{}\n")
    return home


def version(home):
    (jar,) = (home / "lib").glob("flink-dist-*.jar")
    return jar.stem.removeprefix("flink-dist-")


def complete(line, homes):
    """The line with the answer that all distributions give."""
    role, options = line.split("\t")[:2]
    answers = {home.name: ask(home, role, options) for home in homes}
    if len(set(answers.values())) > 1:
        sys.exit(f"{role} {options}: the distributions differ: {answers}")
    return f"{role}\t{options}\t{answers[homes[0].name]}"


def ask(home, role, options):
    command, prefix = COMMANDS[role]
    java_home = os.environ.get("JAVA_HOME")
    java = [f"{java_home}/bin/java" if java_home else "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    java += ["-cp", f"{home}/bin/bash-java-utils.jar:{home}/lib/*", "org.apache.flink.runtime.util.bash.BashJavaUtils"]
    java += [command, "--configDir", str(home / "conf")]
    for option in options.split():
        java += ["-D", prefix + option]
    result = subprocess.run(java, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    if result.returncode != 0:
        # Anything else that goes wrong is no answer.
        if JAVA_ERROR in result.stderr:
            return "refused"
        sys.exit(f"{' '.join(java)} failed:\n{result.stderr}")
    said = dict(re.findall(rf"-D {re.escape(prefix)}(\S+)=(\d+)b", result.stdout))
    names, heaps = PARTS[role]
    # The network's size is said as its two bounds, as the overhead's is.
    parts = [int(said.get(f"{name}.size") or said[f"{name}.min"]) for name in names]
    heap = re.search(r"-Xmx(\d+) ", result.stdout)
    if heap is None or int(heap[1]) != sum(parts[:heaps]):
        sys.exit(f"{role} {options}: -Xmx is not the sum of the heaps:\n{result.stdout}")
    metaspace, overhead = int(said["jvm-metaspace.size"]), int(said["jvm-overhead.min"])
    flink = sum(parts)
    return " ".join(str(size) for size in [flink + metaspace + overhead, flink, *parts, metaspace, overhead])


if __name__ == "__main__":
    main()
