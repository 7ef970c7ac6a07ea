"""Reads an OCI archive: its manifest, its configuration, and what its layers hold together.

Called with one, prints its size.
"""

import hashlib
import json
import os
import pathlib
import posixpath
import shutil
import subprocess
import sys
import tarfile
import zlib


class Archive:
    """One image of an OCI archive."""

    def __init__(self, path: str) -> None:
        self.path = pathlib.Path(path)
        with tarfile.open(self.path) as tar:
            index = json.load(tar.extractfile("index.json"))
            if len(index["manifests"]) != 1:
                raise ValueError(f"{path}: {len(index['manifests'])} images in one archive")
            entry = index["manifests"][0]
            self.ref = entry["annotations"]["org.opencontainers.image.ref.name"]
            self.manifest = json.load(tar.extractfile(blob(entry["digest"])))
            self.image = json.load(tar.extractfile(blob(self.manifest["config"]["digest"])))
        self.config = self.image["config"]
        self.layers = [layer["digest"] for layer in self.manifest["layers"]]
        self.env = dict(item.split("=", 1) for item in self.config.get("Env", []))

    def size(self) -> int:
        """Bytes of all layers, as stored."""
        return sum(layer["size"] for layer in self.manifest["layers"])

    def size_to_pull(self) -> int:
        """Bytes of all layers as a registry usually holds them: compressed by gzip."""
        total = 0
        with tarfile.open(self.path) as tar:
            for digest in self.layers:
                gzip = zlib.compressobj(wbits=31)
                content = tar.extractfile(blob(digest))
                while block := content.read(1 << 20):
                    total += len(gzip.compress(block))
                total += len(gzip.flush())
        return total

    def files(self) -> dict[str, tarfile.TarInfo]:
        """Every path (absolute) of the image's file system. Upper layers win; whiteouts do not occur in these images."""
        result: dict[str, tarfile.TarInfo] = {}
        for layer in self._open_layers():
            for member in layer:
                if pathlib.PurePath(member.name).name.startswith(".wh."):
                    raise ValueError(f"{self.path}: a whiteout, {member.name}")
                result[posixpath.normpath("/" + member.name)] = member
        return result

    def read(self, path: str) -> bytes:
        """The content of one file."""
        content = None
        for layer in self._open_layers():
            for member in layer:
                if member.isfile() and posixpath.normpath("/" + member.name) == path:
                    content = layer.extractfile(member).read()
        if content is None:
            raise FileNotFoundError(f"{path} in {self.path}")
        return content

    def unpack(self, target: str) -> None:
        """Makes the file system below target, with its owners; needs root. The top is readable for all, as in a container."""
        os.chmod(target, 0o755)
        with tarfile.open(self.path) as tar:
            for digest in self.layers:
                command = ["tar", "-x", "--numeric-owner", "-p", "-C", target]
                with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
                    shutil.copyfileobj(tar.extractfile(blob(digest)), process.stdin, 1 << 20)
                    process.stdin.close()
                if process.returncode != 0:
                    raise OSError(f"{self.path}: tar could not unpack {digest}")

    def diff_ids(self) -> list[str]:
        """The digests of the layers' content, computed."""
        result = []
        with tarfile.open(self.path) as tar:
            for digest in self.layers:
                sha = hashlib.sha256()
                content = tar.extractfile(blob(digest))
                while block := content.read(1 << 20):
                    sha.update(block)
                result.append("sha256:" + sha.hexdigest())
        return result

    def _open_layers(self):
        with tarfile.open(self.path) as tar:
            for digest in self.layers:
                with tarfile.open(fileobj=tar.extractfile(blob(digest))) as layer:
                    yield layer


def blob(digest: str) -> str:
    """The path of a blob inside the archive."""
    return "blobs/" + digest.replace(":", "/")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: archive.py ARCHIVE")
    archive = Archive(sys.argv[1])
    print(f"image: {archive.size() / 1e6:.1f} MB of layers, {archive.size_to_pull() / 1e6:.1f} MB compressed, as it is pulled")
