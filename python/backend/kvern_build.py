"""Builds the wheel: CMake makes the bridge and the plugins, this packs them. Python alone, no build requirement (PEP 517).

    pip install ./python
    python3 python/backend/kvern_build.py FOLDER     # the wheel, in FOLDER

Needs cmake, ninja, a C++20 compiler, and Boost, toml++, nlohmann-json and dlpack's headers (scripts/setup.sh installs them). The
tag of the platform is that of the newest glibc symbol that the binaries use; of libraries beside glibc they want libstdc++, which torch
wants too.
"""
import base64
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import zipfile

PYTHON = pathlib.Path(__file__).resolve().parents[1]
SOURCE = PYTHON.parent
BUILD = pathlib.Path(os.environ.get("KVERN_WHEEL_BUILD", SOURCE / "build/wheel"))
STRIP = "-Wl,-s"


def field(name):
    return re.search(rf'^{name} = "(.+)"$', (PYTHON / "pyproject.toml").read_text(), re.MULTILINE).group(1)


def run(*command):
    subprocess.run([str(part) for part in command], check=True)


def build(stage):
    """An installation of bridge, plugins and headers in the folder `stage`."""
    run("cmake", "-S", SOURCE, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DKVERN_ONLY_PYTHON=ON",
        "-DBoost_USE_STATIC_LIBS=ON", f"-DCMAKE_SHARED_LINKER_FLAGS={STRIP}", f"-DCMAKE_MODULE_LINKER_FLAGS={STRIP}")
    run("cmake", "--build", BUILD, "--target", "kvern_python", "kvern_plugins", "kernels", "check", *jobs())
    shutil.rmtree(stage, ignore_errors=True)
    run("cmake", "--install", BUILD, "--prefix", stage)


def jobs():
    return ["-j", os.environ["KVERN_JOBS"]] if "KVERN_JOBS" in os.environ else []


def dlpack_header():
    for folder in (os.environ.get("KVERN_DLPACK_INCLUDE_DIR", ""), "/usr/include", "/usr/local/include"):
        file = pathlib.Path(folder) / "dlpack/dlpack.h"
        if file.is_file():
            return file
    sys.exit("dlpack/dlpack.h is not there: install libdlpack-dev, or let KVERN_DLPACK_INCLUDE_DIR name the folder that holds dlpack/")


def contents(stage):
    """{path in the wheel: file}."""
    files = {f"kvern/{path.name}": path for path in sorted((PYTHON / "kvern").iterdir()) if path.suffix in (".py", ".typed")}
    for library in ("libkvern_python.so", "libkvern_kernels.so"):
        files[f"kvern/{library}"] = stage / "lib" / library
    for path in sorted((stage / "lib/kvern/plugins").glob("*.so")):
        files[f"kvern/plugins/{path.name}"] = path
    for folder, suffixes in (("include/kvern/abi", (".h",)), ("include/kvern/sdk", (".hpp",)), ("lib/cmake/kvern", (".cmake", ".map"))):
        for path in sorted((stage / folder).rglob("*")):
            if path.suffix in suffixes:
                files[f"kvern/share/{path.relative_to(stage)}"] = path
    files["kvern/share/include/dlpack/dlpack.h"] = dlpack_header()
    return files


def platform_tag(binaries):
    """manylinux_2_N_ARCH for the newest GLIBC_2.N that a binary wants."""
    newest = 17
    for binary in binaries:
        symbols = subprocess.run(["objdump", "-T", str(binary)], check=True, capture_output=True, text=True).stdout
        newest = max([newest] + [int(minor) for minor in re.findall(r"GLIBC_2\.(\d+)", symbols)])
    return f"manylinux_2_{newest}_{platform.machine()}"


def record_line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def write_wheel(path, files, info, texts):
    record = ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        entries = [(name, file.read_bytes()) for name, file in files.items()] + [(f"{info}/{name}", text.encode()) for name, text in texts.items()]
        for name, data in entries:
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
            record += record_line(name, data)
        wheel.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    stage = BUILD / "stage"
    build(stage)
    files = contents(stage)
    tag = f"py3-none-{platform_tag(file for file in files.values() if file.suffix == '.so')}"
    name, version = field("name"), field("version")
    info = f"{name}-{version}.dist-info"
    metadata = (f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {field('description')}\n"
                f"Requires-Python: {field('requires-python')}\nProvides-Extra: report\nRequires-Dist: pandas; extra == 'report'\n"
                "Requires-Dist: matplotlib; extra == 'report'\n")
    texts = {"METADATA": metadata, "WHEEL": f"Wheel-Version: 1.0\nGenerator: kvern_build\nRoot-Is-Purelib: false\nTag: {tag}\n"}
    wheel = f"{name}-{version}-{tag}.whl"
    pathlib.Path(wheel_directory).mkdir(parents=True, exist_ok=True)
    write_wheel(pathlib.Path(wheel_directory) / wheel, files, info, texts)
    return wheel


def build_sdist(sdist_directory, config_settings=None):
    raise SystemExit("kvern has no source distribution: build a wheel from the source tree (pip wheel ./python)")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    made = build_wheel(sys.argv[1])
    print(pathlib.Path(sys.argv[1]) / made, os.path.getsize(pathlib.Path(sys.argv[1]) / made), "bytes")
