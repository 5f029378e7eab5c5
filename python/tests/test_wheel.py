"""The wheel in an environment of its own, and a stranger's wheel that brings a cache. KVERN_WHEEL names the wheel (python/build_wheel.sh)."""
import importlib.util
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

import support

WHEEL = os.environ.get("KVERN_WHEEL")
pytestmark = pytest.mark.skipif(not WHEEL, reason="KVERN_WHEEL names no wheel")

USE = """
import sys, torch, kvern
from transformers import AutoModelForCausalLM, DynamicCache
model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
ids = torch.arange(5, 30)[None]
with torch.no_grad():
    run = lambda cache: model.generate(ids, past_key_values=cache, max_new_tokens=8, do_sample=False, pad_token_id=0)
    assert torch.equal(run(kvern.Cache(model, "paged")), run(DynamicCache()))
    if len(sys.argv) > 2:
        cache = kvern.Cache(model, sys.argv[2])
        run(cache)
        print(cache.implementation, cache.info()["tokens"])
print("from", kvern.__file__)
"""
CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(stranger LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(kvern REQUIRED)
kvern_add_plugin(rounded SOURCES {source})
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The Python of an environment that sees torch and transformers of this one, and the wheel; kvern nowhere else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    packages = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True, capture_output=True, text=True)
    outer = [path for path in sys.path if path.endswith("site-packages")]
    (pathlib.Path(packages.stdout.strip()) / "outer.pth").write_text("\n".join(outer) + "\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", WHEEL], check=True)
    return python


def run(python, *arguments):
    variables = {key: value for key, value in os.environ.items() if not key.startswith("KVERN_") and key != "PYTHONPATH"}
    done = subprocess.run([python, *map(str, arguments)], capture_output=True, text=True, env=variables, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_small_and_for_every_python():
    assert os.path.getsize(WHEEL) < 5e6
    assert "-py3-none-manylinux" in WHEEL
    names = zipfile.ZipFile(WHEEL).namelist()
    assert {"kvern/libkvern_python.so", "kvern/plugins/libkvern_quantized.so", "kvern/share/include/kvern/abi/cache_abi.h",
            "kvern/share/include/dlpack/dlpack.h", "kvern/share/lib/cmake/kvern/kvernConfig.cmake", "kvern/py.typed"} <= set(names)


def test_the_wheel_serves_a_model(environment, tmp_path):
    script = tmp_path / "use.py"
    script.write_text(USE)
    assert str(environment.parent.parent) in run(environment, script, support.folder_of("llama"))
    assert "quantized" in run(environment, "-m", "kvern", "caches")


def test_a_strangers_wheel_brings_a_cache_that_is_used_by_name(environment, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(CMAKE.format(source=support.SOURCE / "sdk/examples/rounded.cpp"))
    where = run(environment, "-c", "import kvern; print(kvern.cmake_dir())").strip()
    for command in (["cmake", "-S", source, "-B", source / "build", f"-Dkvern_DIR={where}"], ["cmake", "--build", source / "build"]):
        subprocess.run(command, check=True, capture_output=True)
    wheel = tmp_path / "strangers_cache-1.0-py3-none-any.whl"
    backend = importlib.util.spec_from_file_location("kvern_build", support.SOURCE / "python/backend/kvern_build.py")
    build = importlib.util.module_from_spec(backend)
    backend.loader.exec_module(build)
    (source / "__init__.py").write_text("")
    build.write_wheel(wheel, {"strangers_cache/__init__.py": source / "__init__.py",
                              "strangers_cache/libkvern_rounded.so": source / "build/libkvern_rounded.so"},
                      "strangers_cache-1.0.dist-info",
                      {"METADATA": "Metadata-Version: 2.1\nName: strangers-cache\nVersion: 1.0\n",
                       "WHEEL": "Wheel-Version: 1.0\nGenerator: a stranger\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                       "entry_points.txt": "[kvern.plugins]\nrounded = strangers_cache\n"})
    subprocess.run([environment, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    script = tmp_path / "use.py"
    script.write_text(USE)
    assert "rounded 32" in run(environment, script, support.folder_of("llama"), "rounded")
