"""The process: memory that comes back, threads, plugins of other packages."""
import ctypes
import gc
import importlib
import pathlib
import threading
import warnings
import weakref

import torch
from transformers import DynamicCache

import kvern
import support
from kvern import paths
from support import MAJOR, feed, generate


def resident_bytes():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_thousand_generations_return_to_the_memory_of_the_first(llama, ids):
    def generations(n):
        for i in range(n):
            cache = kvern.Cache(llama, "quantized" if i % 2 else "paged")
            for piece in ids[:, :12].split([10, 1, 1], 1):
                feed(llama, piece, cache)
        return resident_bytes()

    before = generations(100)
    assert generations(900) - before < 4 << 20


def test_a_cache_that_is_dropped_gives_its_memory_back_at_once(llama, ids):
    gc.disable()
    try:
        for model in [llama] + ([kvern.use_attention(support.load(support.folder_of("llama")))] if MAJOR >= 5 else []):
            cache = kvern.Cache(model)
            generate(model, ids, cache)
            native = weakref.ref(cache._steps.native)
            del cache
            assert native() is None
    finally:
        gc.enable()


def test_tensors_that_a_cache_hands_out_keep_its_memory(llama, ids):
    cache = kvern.Cache(llama)
    feed(llama, ids, cache)
    native, (keys, values) = weakref.ref(cache._steps.native), cache.update(*torch.randn(2, 1, 2, 1, 16), 0)
    before = keys.clone()
    del cache
    assert native() is not None and torch.equal(keys, before) and keys.shape == (1, 2, 31, 16)
    del keys
    assert native() is not None
    del values
    assert native() is None


def test_passes_make_no_types_of_ctypes(llama, ids):
    """They are kept for ever, and take longer to make than a call."""
    cache = kvern.Cache(llama)
    feed(llama, ids[:, :10], cache)
    feed(llama, ids[:, 10:11], cache)
    before = len(ctypes.Array.__subclasses__())
    for piece in ids[:, 11:].split(1, 1):
        feed(llama, piece, cache)
    assert len(ctypes.Array.__subclasses__()) == before


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
