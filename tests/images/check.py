"""Tests one image archive: check.py NAME ARCHIVE VERSION, with NAME as in test.sh and VERSION what the image must carry.
Run by test.sh, as root."""

import os
import pathlib
import platform
import stat
import subprocess
import sys
import tempfile
import unittest

from archive import Archive

HERE = pathlib.Path(__file__).parent
NAME = ""
PATH = ""
VERSION = ""


class ImageCase(unittest.TestCase):
    """What holds for every image."""

    archive: Archive
    ref = ""

    @classmethod
    def setUpClass(cls) -> None:
        cls.archive = Archive(PATH)
        cls.files = cls.archive.files()

    def check_common(self, ref: str) -> None:
        self.assertEqual(self.archive.ref, ref)
        self.assertEqual(self.archive.image["os"], "linux")
        self.assertEqual(
            self.archive.image["architecture"], {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        )
        self.assertEqual(self.archive.diff_ids(), self.archive.image["rootfs"]["diff_ids"])
        privileged = [path for path, file in self.files.items() if file.isfile() and file.mode & (stat.S_ISUID | stat.S_ISGID)]
        self.assertEqual(privileged, [], "set-user-ID or set-group-ID files")

    def check_executable(self, *paths: str) -> None:
        for path in paths:
            self.assertIn(path, self.files)
            self.assertEqual(self.files[path].mode & 0o111, 0o111, path)


class Busybox(ImageCase):
    def test_image(self) -> None:
        self.check_common("busybox:1")
        self.assertEqual(self.archive.config["Cmd"], ["sh"])
        self.check_executable("/bin/busybox")
        for applet in ("/bin/sh", "/bin/sleep", "/usr/bin/wget", "/usr/bin/nc"):
            self.assertEqual(self.files[applet].linkname, "/bin/busybox", applet)
        self.assertEqual(self.files["/tmp"].mode & 0o7777, 0o1777)

    def test_runs(self) -> None:
        with tempfile.TemporaryDirectory() as root:
            self.archive.unpack(root)
            answer = subprocess.run(
                ["chroot", root, "/bin/sh", "-c", "echo $((6 * 7)) && id -u"], capture_output=True, text=True, check=True
            )
            self.assertEqual(answer.stdout.split(), ["42", "0"])


class Flink(ImageCase):
    def setUp(self) -> None:
        self.branch = NAME.removeprefix("flink-")

    def test_image(self) -> None:
        self.check_common(f"flink:{self.branch}")
        self.assertEqual(self.archive.config["Entrypoint"], ["/docker-entrypoint.sh"])
        self.assertEqual(self.archive.config["Cmd"], ["help"])
        self.assertEqual(self.archive.config["WorkingDir"], "/opt/flink")
        # Like the official image it starts as root, and its entry point becomes the user flink.
        self.assertEqual(self.archive.config.get("User", ""), "")
        self.assertEqual(self.archive.config["Labels"]["org.opencontainers.image.version"], VERSION)
        self.assertEqual(self.archive.env["FLINK_HOME"], "/opt/flink")
        self.assertTrue(self.archive.env["PATH"].startswith("/opt/flink/bin:"))
        self.assertEqual(len(self.archive.layers), 2, "the JRE's layer and Flink's")

    def test_layout(self) -> None:
        home = "/opt/flink"
        self.check_executable(
            "/docker-entrypoint.sh",
            *(
                f"{home}/bin/{script}"
                for script in (
                    "flink",
                    "config.sh",
                    "historyserver.sh",
                    "jobmanager.sh",
                    "kubernetes-jobmanager.sh",
                    "kubernetes-session.sh",
                    "kubernetes-taskmanager.sh",
                    "standalone-job.sh",
                    "taskmanager.sh",
                )
            ),
        )
        self.assertEqual(self.files["/opt/java/openjdk"].issym(), True)
        self.assertIn(self.files["/opt/java/openjdk"].linkname + "/bin/java", self.files)
        for path in (
            f"{home}/lib/flink-dist-{VERSION}.jar",
            f"{home}/bin/bash-java-utils.jar",
            f"{home}/conf/config.yaml",
            f"{home}/conf/log4j-console.properties",
            f"{home}/conf/logback-console.xml",
            f"{home}/examples/streaming/StateMachineExample.jar",
            f"{home}/examples/streaming/TopSpeedWindowing.jar",
            f"{home}/examples/streaming/TinyJob.jar",
            "/etc/ssl/certs/ca-certificates.crt",
        ):
            self.assertIn(path, self.files)
        owners = {
            (file.uid, file.gid) for path, file in self.files.items() if path == home or path.startswith(home + "/")
        }
        self.assertEqual(owners, {(9999, 9999)})
        self.assertIn("flink:x:9999:9999:", self.archive.read("/etc/passwd").decode())

    def test_runs(self) -> None:
        with tempfile.TemporaryDirectory() as root:
            self.archive.unpack(root)
            # Its own network, mounts and processes: whatever happens, nothing of it stays behind, and no packet leaves.
            command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
            subprocess.run([*command, sys.executable, str(HERE / "run_flink.py"), root], check=True, timeout=400)


class Product(ImageCase):
    def test_image(self) -> None:
        self.check_common(os.environ.get("IMAGE_REF", "localhost/sluice:dev"))
        self.assertEqual(self.archive.config["User"], "65532:65532")
        self.assertNotIn("Entrypoint", self.archive.config)
        labels = self.archive.config["Labels"]
        self.assertEqual(labels["org.opencontainers.image.title"], "Sluice")
        self.assertEqual(labels["org.opencontainers.image.licenses"], "Apache-2.0")
        self.assertEqual(labels["org.opencontainers.image.version"], VERSION)

    def test_files(self) -> None:
        files = {path for path, file in self.files.items() if not file.isdir()}
        programs = {"/sluice-webhook", "/sluice-controller"}
        self.assertEqual(files, {"/sluice-program", "/etc/ssl/certs/ca-certificates.crt"} | programs)
        self.check_executable("/sluice-program")
        self.assertEqual({self.files[program].linkname for program in programs}, {"sluice-program"})
        writable = [path for path, file in self.files.items() if not file.issym() and file.mode & 0o022]
        self.assertEqual(writable, [], "writable for others than root")
        self.assertEqual({(file.uid, file.gid) for file in self.files.values()}, {(0, 0)})
        self.assertGreater(self.archive.read("/etc/ssl/certs/ca-certificates.crt").count(b"BEGIN CERTIFICATE"), 100)

    def test_size(self) -> None:
        size = self.archive.size() / 1e6
        print(f"product image: {size:.1f} MB", file=sys.stderr)
        self.assertLess(size, 40, "MB of layers")

    def test_runs_as_anyone_with_nothing_else(self) -> None:
        with tempfile.TemporaryDirectory() as root:
            self.archive.unpack(root)
            for binary in ("/sluice-webhook", "/sluice-controller"):
                answer = subprocess.run(
                    ["chroot", "--userspec=65532:65532", root, binary, "--version"], capture_output=True, text=True, check=False
                )
                self.assertEqual(answer.returncode, 0, answer.stderr)
                self.assertIn(VERSION, answer.stdout)


CASES = {"busybox": Busybox, "flink-1.20": Flink, "flink-2.3": Flink, "product": Product}

if __name__ == "__main__":
    NAME, PATH, VERSION = sys.argv[1:]
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(CASES[NAME])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
