"""Makes the distribution's config.yaml fit a container: flat keys, one per line (so that the entry point can set a key
without a YAML parser), and servers that listen on every address.

    conf.py CONFIG-YAML
"""

import pathlib
import sys

# What the distribution binds to localhost, which in a container nobody else reaches. taskmanager.host must go: Flink then
# advertises the container's own address.
CHANGED = {
    "jobmanager.bind-host": "0.0.0.0",
    "taskmanager.bind-host": "0.0.0.0",
    "taskmanager.host": None,
    "rest.address": "0.0.0.0",
    "rest.bind-address": "0.0.0.0",
    # Fixed ports, so that a container can publish them.
    "blob.server.port": "6124",
    "query.server.port": "6125",
}


def flatten(text: str) -> dict[str, str]:
    """The scalars of a YAML file that has only maps, scalars and comments, which is what Flink ships."""
    result: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        key, colon, value = line.strip().partition(":")
        if not colon or key.startswith("-"):
            sys.exit(f"line {number}: expected 'key: value', found {line!r}")
        while path and path[-1][0] >= indent:
            path.pop()
        if value.strip():
            result[".".join([name for _, name in path] + [key])] = value.strip()
        else:
            path.append((indent, key))
    return result


def main(file: str) -> None:
    config = pathlib.Path(file)
    values = flatten(config.read_text())
    if "jobmanager.rpc.address" not in values:
        sys.exit(f"{file}: no jobmanager.rpc.address, this is not Flink's own file")
    values.update(CHANGED)
    config.write_text("".join(f"{key}: {value}\n" for key, value in values.items() if value is not None))


if __name__ == "__main__":
    main(*sys.argv[1:])
