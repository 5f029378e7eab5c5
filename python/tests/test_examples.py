"""The notebooks run, and what they show is there."""
import json

import pytest

import kvern
import support
from kvern import paths
from kvern.program import check

NOTEBOOKS = sorted((support.SOURCE / "python/examples").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_of_a_notebook_run(notebook, monkeypatch):
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MODEL", str(support.folder_of("llama")))
    names = {}
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), notebook.name, "exec"), names)
    frame = names["table"].to_frame()
    assert list(frame.columns) == ["cache", "tokens", "bytes", "ms_per_token", "kl", "same_top"] and len(frame) == 6
    assert len(names["table"].plot().axes) == 3
    assert names["answer"].shape == (1, 48)


def test_measurements_tell_a_full_cache_from_a_quantized_one(llama):
    ids = support.prompts(llama, 1, 150)
    table = kvern.measure(llama, ids, ["paged", ("quantized", {"nbits": 2, "residual_length": 16})], depths=[100, 130], new=8)
    full, packed = table[:2], table[2:]
    assert all(row["kl"] < 1e-6 and row["same_top"] == 1 for row in full)
    assert all(row["kl"] > 1e-4 for row in packed)
    assert packed[1]["bytes"] < 0.8 * full[1]["bytes"]
    assert [row["cache"] for row in packed] == ["quantized{nbits = 2, residual_length = 16}"] * 2
    with pytest.raises(kvern.ConfigError, match="need 158"):
        kvern.measure(llama, ids, depths=[150], new=8)
    for depths in ([100, 104], [120, 100]):
        with pytest.raises(kvern.ConfigError, match=f"depths {depths[0]} and {depths[1]}: .*ascend by 8"):
            kvern.measure(llama, ids, depths=depths, new=8)
    assert [row["tokens"] for row in kvern.measure(llama, ids, ["dynamic"], depths=[100, 108], new=8)] == [100, 108]


def test_functions_of_the_program_say_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("KVERN_PROGRAM", str(tmp_path / "kvern"))
    with pytest.raises(FileNotFoundError, match="KVERN_PROGRAM"):
        kvern.generate("x")


def test_functions_of_the_program_hand_on_options_and_errors(monkeypatch, tmp_path):
    program = tmp_path / "kvern"
    program.write_text('#!/bin/sh\n[ "$1" = compare ] && { echo "no such cache" >&2; exit 3; }\n'
                       'python3 -c "import json, sys; print(json.dumps(sys.argv[1:]))" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("KVERN_PROGRAM", str(program))
    assert kvern.generate("Once", max_new_tokens=3, do_sample=False, input_ids=[1, 2]) == [
        "generate", "--prompt", "Once", "--max-new-tokens", "3", "--do-sample=false", "--input-ids", "1,2", "--output", "json"]
    assert kvern.generate(cache=["a", "b{c = 1}"]) == ["generate", "--cache", "a", "--cache", "b{c = 1}", "--output", "json"]
    with pytest.raises(kvern.ConfigError, match="no such cache"):
        kvern.compare(cache="x")


def test_a_cache_is_checked_that_the_package_would_find(monkeypatch, tmp_path):
    program = tmp_path / "kvern"
    program.write_text(f'#!/bin/sh\necho "$KVERN_PLUGIN_PATH" > {tmp_path}/path\n')
    program.chmod(0o755)
    monkeypatch.setenv("KVERN_PROGRAM", str(program))
    monkeypatch.setenv("KVERN_PLUGIN_PATH", "/mine")
    monkeypatch.setattr(paths, "plugin_folders", lambda: ["/a/strangers", "/own"])
    assert check(["paged"]) == 0
    assert (tmp_path / "path").read_text().strip() == "/mine:/a/strangers:/own"


def test_inspect_says_what_each_cache_needs(llama):
    report = kvern.inspect(llama, tokens=256)
    assert report["model_type"] == "llama" and len(report["layers"]) == 3
    needs = {row["cache"]: row for row in report["caches"]}
    assert needs["dynamic"]["bytes_per_token"] == 2 * 3 * 2 * 16 * 4
    assert needs["quantized"]["bytes_per_token"] < needs["dynamic"]["bytes_per_token"]
    assert "rotates" in needs["sink"]["refused"] and "keeps nothing" in needs["none"]["refused"]
