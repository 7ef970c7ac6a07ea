"""Writes a jar with a main class from parts of other jars or folders.

    jar.py TARGET MAIN-CLASS SOURCE:PREFIX,PREFIX...  (no prefix: everything)
"""

import pathlib
import sys
import zipfile


def entries(source: pathlib.Path):
    """(name, content) of every file in a jar or below a folder, sorted by name."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file():
                yield path.relative_to(source).as_posix(), path.read_bytes()
    else:
        with zipfile.ZipFile(source) as jar:
            for name in sorted(jar.namelist()):
                if not name.endswith("/"):
                    yield name, jar.read(name)


def main(target: str, main_class: str, *sources: str) -> None:
    written = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as jar:

        def write(name: str, content: bytes) -> None:
            # A fixed time: the same input gives the same jar.
            jar.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)

        write("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nMain-Class: {main_class}\r\n\r\n".encode())
        for argument in sources:
            source, _, prefixes = argument.partition(":")
            for name, content in entries(pathlib.Path(source)):
                if name.startswith(tuple(prefixes.split(","))):
                    write(name, content)
                    written += name.endswith(".class")
    if main_class.replace(".", "/") + ".class" not in zipfile.ZipFile(target).namelist():
        sys.exit(f"{target}: the main class {main_class} is in none of the sources")
    print(f"{target}: {written} classes")


if __name__ == "__main__":
    main(*sys.argv[1:])
