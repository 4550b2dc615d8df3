#!/usr/bin/env python3
"""Takes ONNX Runtime's shared library out of the onnxruntime wheel.

  fetch_onnxruntime.py --requirements .ci/onnxruntime.txt --out DIR [--machine aarch64]

pip fetches the wheel by package name for this machine's processor (or the one named) and refuses any file whose sha256 is not in the
requirements file; the library is unpacked through a temporary name, so DIR never holds half of one.
"""

import argparse
import pathlib
import platform
import subprocess
import sys
import tempfile
import zipfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--requirements", required=True)
parser.add_argument("--out", required=True, type=pathlib.Path)
parser.add_argument("--machine", default=platform.machine())
arguments = parser.parse_args()

if sys.platform != "linux" or arguments.machine not in ("x86_64", "aarch64"):
    sys.exit(
        f"no pinned onnxruntime wheel for {sys.platform} {arguments.machine}: "
        "install onnxruntime yourself and set ORT_DYLIB_PATH to its shared library"
    )

arguments.out.mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory() as folder:
    # The library is the same in the wheels of every Python version: one is pinned for all.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11"]
    command += ["--platform", f"manylinux_2_28_{arguments.machine}", "--require-hashes"]
    command += ["--dest", folder, "--requirement", arguments.requirements]
    subprocess.run(command, check=True)
    (wheel,) = pathlib.Path(folder).glob("onnxruntime-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [name for name in archive.namelist() if pathlib.Path(name).name.startswith("libonnxruntime.so.")]
        target = arguments.out / pathlib.Path(member).name
        partial = target.with_name(target.name + ".partial")
        partial.write_bytes(archive.read(member))
        partial.replace(target)
print(target)
