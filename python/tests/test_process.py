"""The process: memory that comes back, threads, plugins of other packages."""
import gc
import importlib
import pathlib
import threading
import warnings

import torch
from transformers import DynamicCache

import kvern
import support
from kvern import paths
from support import feed, generate


def resident_bytes():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_thousand_generations_return_to_the_memory_of_the_first(llama, ids):
    def generations(n):
        for i in range(n):
            cache = kvern.Cache(llama, "quantized" if i % 2 else "paged")
            for piece in ids[:, :12].split([10, 1, 1], 1):
                feed(llama, piece, cache)
        gc.collect()
        return resident_bytes()

    before = generations(100)
    assert generations(900) - before < 4 << 20


def test_two_models_generate_in_two_threads(ids):
    folder = support.folder_of("llama")
    want = generate(support.load(folder), ids, DynamicCache())
    models = [support.load(folder) for _ in range(2)]
    got, failed = [[], []], []

    def work(index):
        try:
            with torch.no_grad():
                for plugin in ("dynamic", "paged", "quantized") * 2:
                    got[index].append(generate(models[index], ids, kvern.Cache(models[index], plugin)))
        except Exception as error:
            failed.append(error)

    before = kvern.threads()
    kvern.set_threads(2)
    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kvern.set_threads(before)
    assert not failed
    assert all(torch.equal(one, want) for row in got for one in row)


def test_kvern_computes_with_as_many_threads_as_torch_did_at_first():
    kvern.Cache(support.load(support.folder_of("llama")))
    assert kvern.threads() == torch.get_num_threads() == 1
    kvern.set_threads(3)
    assert kvern.threads() == 3
    kvern.set_threads(1)


def test_caches_that_are_installed_are_listed():
    caches = {cache["name"]: cache for cache in kvern.caches()}
    assert {"dynamic", "quantized", "paged"} <= set(caches)
    assert caches["quantized"]["options"]["nbits"] == 4
    assert "error" not in caches["dynamic"]


def test_an_entry_point_names_a_package_with_plugins(tmp_path, monkeypatch):
    package = tmp_path / "a_strangers_cache"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')\n")
    info = tmp_path / "a_strangers_cache-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-strangers-cache\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kvern.plugins]\nmine = a_strangers_cache\ngone = there_is_no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        folders = paths.plugin_folders()
    assert folders[0] == str(package) and folders[-1] == str(paths.own_plugins())
    assert any("'gone' of kvern.plugins is passed over" in str(one.message) for one in said)
