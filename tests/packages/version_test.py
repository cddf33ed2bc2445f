"""The version is written once, in version.hpp; the vcpkg port has to repeat it, and must not say another.

    version_test.py <source folder>      exit status 0: they agree, 1: they do not
"""

import json
import pathlib
import sys

import consumer


def main():
    source = pathlib.Path(sys.argv[1])
    version = consumer.version_of(source)
    manifest = source / "packaging/vcpkg/dfrot/vcpkg.json"
    repeated = json.loads(manifest.read_text()).get("version")
    if repeated != version:
        sys.exit(f"{manifest} says version {repeated}, include/dfrot/version.hpp {version}: write {version} into the first")
    print(f"version {version} in version.hpp and in the vcpkg port")


if __name__ == "__main__":
    main()
