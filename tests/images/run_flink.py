"""Runs Flink from an unpacked image: run_flink.py ROOT, inside namespaces of its own (see check.py).

A session cluster takes every example jar to RUNNING, the tiny job goes through a savepoint and a failure, and a second
JobManager starts the tiny job as an application. Ends non-zero with the logs when something is not as expected.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request
import uuid

ROOT = pathlib.Path(sys.argv[1])
REST = "http://127.0.0.1:8081"
EXAMPLES = "/opt/flink/examples/streaming"
ENVIRONMENT = {
    "PATH": "/opt/flink/bin:/opt/java/openjdk/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "JAVA_HOME": "/opt/java/openjdk",
    "FLINK_HOME": "/opt/flink",
    "JOB_MANAGER_RPC_ADDRESS": "localhost",
    "TASK_MANAGER_NUMBER_OF_TASK_SLOTS": "2",
    "SAVEPOINTS": "/tmp/savepoints",
    "FLINK_PROPERTIES": """
        jobmanager.memory.process.size: 640m
        taskmanager.memory.process.size: 768m
        taskmanager.memory.managed.size: 0m
        env.java.opts.jobmanager: -XX:+UseSerialGC -XX:TieredStopAtLevel=1
        env.java.opts.taskmanager: -XX:+UseSerialGC -XX:TieredStopAtLevel=1
        execution.checkpointing.savepoint-dir: file://$SAVEPOINTS
        heartbeat.interval: 500
        web.refresh-interval: 200
        restart-strategy.type: fixed-delay
        restart-strategy.fixed-delay.delay: 100 ms
    """,
}
# Bounds for a machine that does other work besides; each step is much faster alone.
PATIENCE_SECONDS = 120
STARTED = time.monotonic()
LOGS: list[pathlib.Path] = []


def say(text: str) -> None:
    print(f"  {time.monotonic() - STARTED:6.1f} s  {text}", file=sys.stderr, flush=True)


def get(path: str):
    with urllib.request.urlopen(REST + path, timeout=10) as answer:
        return json.load(answer)


def post(path: str, body: bytes, content_type: str = "application/json"):
    request = urllib.request.Request(REST + path, data=body, headers={"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def wait(text: str, condition, processes=()):
    """Waits until condition() is true and returns what it gave; an unreachable REST API counts as not yet."""
    end = time.monotonic() + PATIENCE_SECONDS
    last: object = None
    while time.monotonic() < end:
        for process in processes:
            if process.poll() is not None:
                fail(f"{text}: process ended with {process.returncode}")
        try:
            last = condition()
            if last:
                say(text)
                return last
        except OSError as error:
            last = error
        time.sleep(0.1)
    return fail(f"{text}: not within {PATIENCE_SECONDS} s, last: {last!r}")


def fail(text: str):
    for log in LOGS:
        print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-40:], sep="\n", file=sys.stderr)
    sys.exit(f"FAILED: {text}")


def start(*arguments: str, user: str | None = None) -> subprocess.Popen:
    """Starts the entry point in the image; user None is root."""
    log = pathlib.Path(str(ROOT) + f".{len(LOGS)}-{arguments[0]}.log")
    LOGS.append(log)
    command = ["chroot", *([f"--userspec={user}"] if user else []), str(ROOT), "/docker-entrypoint.sh", *arguments]
    with log.open("w") as out:
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=out, stderr=out)


def owner(process: subprocess.Popen) -> str:
    status = pathlib.Path(f"{ROOT}/proc/{process.pid}/status").read_text()
    return next(line for line in status.splitlines() if line.startswith("Uid:")).split()[2]


def upload(jar: str) -> str:
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="jarfile"; filename="{jar}"\r\nContent-Type: application/x-java-archive\r\n\r\n'
    body = head.encode() + (ROOT / f"{EXAMPLES}/{jar}".lstrip("/")).read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return pathlib.PurePath(post("/jars/upload", body, f"multipart/form-data; boundary={boundary}")["filename"]).name


def run(jar_id: str, *arguments: str, savepoint: str | None = None) -> str:
    body = {"programArgsList": list(arguments), "savepointPath": savepoint}
    return post(f"/jars/{jar_id}/run", json.dumps(body).encode())["jobid"]


def running(job: str):
    tasks = next(entry for entry in get("/jobs/overview")["jobs"] if entry["jid"] == job)["tasks"]
    return tasks["running"] == tasks["total"] > 0


def accumulator(job: str, name: str) -> int:
    found = {item["name"]: int(item["value"]) for item in get(f"/jobs/{job}/accumulators")["user-task-accumulators"]}
    return found.get(name, 0)


def cancel(job: str) -> None:
    request = urllib.request.Request(f"{REST}/jobs/{job}?mode=cancel", method="PATCH")
    with urllib.request.urlopen(request, timeout=60):
        pass
    wait(f"{job} cancelled", lambda: get(f"/jobs/{job}")["state"] == "CANCELED")


def stop_with_savepoint(job: str) -> str:
    trigger = post(f"/jobs/{job}/stop", b"{}")["request-id"]

    def location():
        operation = get(f"/jobs/{job}/savepoints/{trigger}")["operation"] or {}
        if "failure-cause" in operation:
            fail(f"savepoint: {operation['failure-cause']}")
        return operation.get("location")

    return wait("stopped with a savepoint", location)


def session() -> None:
    manager = start("jobmanager")
    wait("REST answers", lambda: get("/overview"), [manager])
    worker = start("taskmanager", user="9999:9999")
    processes = [manager, worker]
    wait("a TaskManager with two slots", lambda: get("/overview")["slots-total"] == 2, processes)
    for process in processes:
        if owner(process) != "9999":
            fail(f"a process runs as {owner(process)}, not as flink (9999)")

    for jar in ("StateMachineExample.jar", "TopSpeedWindowing.jar"):
        job = run(upload(jar))
        wait(f"{jar} RUNNING", lambda: running(job), processes)
        cancel(job)

    tiny = upload("TinyJob.jar")
    job = run(tiny, "--sleep-ms", "1", "--keys", "3")
    wait("TinyJob counts", lambda: accumulator(job, "records") > 100, processes)
    if accumulator(job, "restored") != 0:
        fail("TinyJob: state where none can be")
    savepoint = stop_with_savepoint(job)
    job = run(tiny, "--sleep-ms", "1", "--keys", "3", savepoint=savepoint)
    wait("TinyJob restored its state", lambda: accumulator(job, "restored") > 100, processes)
    cancel(job)

    job = run(tiny, "--records", "60", "--sleep-ms", "1", "--fail-after", "50")
    wait("TinyJob failed once and finished", lambda: get(f"/jobs/{job}")["state"] == "FINISHED", processes)
    if "--fail-after" not in json.dumps(get(f"/jobs/{job}/exceptions")):
        fail("TinyJob: did not fail as --fail-after asks")

    for process in processes:
        process.terminate()
        process.wait(timeout=60)


def application() -> None:
    # --jars takes every word up to the next option that Flink knows, so the job's own arguments come after another one.
    arguments = ["--jars", f"{EXAMPLES}/TinyJob.jar", "--job-classname", "TinyJob", "--name", "as an application"]
    manager = start("standalone-job", *arguments)
    wait(
        "standalone-job started TinyJob",
        lambda: [job["name"] for job in get("/jobs/overview")["jobs"]] == ["as an application"],
        [manager],
    )
    manager.terminate()
    manager.wait(timeout=60)


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", "/dev", ROOT / "dev"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", ROOT / "proc"], check=True)
    (ROOT / "etc/hosts").write_text(f"127.0.0.1 localhost {os.uname().nodename}\n")
    session()
    application()


if __name__ == "__main__":
    main()
