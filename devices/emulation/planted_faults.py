"""Plants one fault at a time into a copy of the kernels of a card, and says what finds it: the tests of kernels, or the thread
sanitizer. A fault that nothing finds is a failure: the tests look at too little.

    planted_faults.py BUILD TSAN_BUILD

Both are build folders in which device_kernels_test is built, the second with the thread sanitizer."""
import concurrent.futures, json, os, pathlib, re, shlex, subprocess, sys, tempfile

FAULTS = [  # file, text, what it becomes, the tests that shall find it
    ("matvec.cu", "  sync_block();  // the piece before has been read\n", "", "*roducts of*"),
    ("matvec.cu", "input(p, b, row, begin + i) : 0.0f;\n  sync_block();", "input(p, b, row, begin + i) : 0.0f;", "*roducts of*"),
    ("matvec.cu", "int step = 16; step > 0", "int step = 8; step > 0", "*roducts of*"),
    ("matvec.cu", "(kAligned ? whole : 0) + lane", "whole + lane", "*roducts of*"),
    ("matmul.cu", "    sync_block();\n#pragma unroll", "#pragma unroll", "*roduct*"),
    ("matmul.cu", "    sync_block();\n  }", "  }", "*roduct*"),
    ("matmul_bf16.cu", "    sync_block();\n#pragma unroll", "#pragma unroll", "*roduct*"),
    ("matmul_bf16.cu", "    sync_block();\n  }", "  }", "*roduct*"),
    ("matmul_bf16.cu", "pair(w, tile * 8 + r, k + 8 + 2 * q)", "pair(w, tile * 8 + r, k + 8 + q)", "*roduct*"),
    ("product.cuh", "y = p.accumulate ? y + sum : sum;", "y = sum;", "*roduct*"),
    ("norm.cu", "(x[i] - mean) * (x[i] - mean)", "x[i] * x[i]", "Norms*"),
    ("norm.cu", "residual[i] += x[i]", "residual[i] = x[i]", "Norms*"),
    ("reduce.cuh", "= x;\n  sync_block();", "= x;", "Norms*"),
    ("reduce.cuh", "  sync_block();\n  return x;", "  return x;", "Norms*"),
    ("attention_rows.cu", "shared.sum[i] = 0.0f;\n  sync_block();", "shared.sum[i] = 0.0f;", "Attention*"),
    ("attention_rows.cu", "float sum = shared.sum[i] * kept;", "float sum = shared.sum[i];", "Attention*"),
    ("attention.cuh", "p > q.at - c.window;", "p >= q.at - c.window;", "Attention*"),
    ("attention.cuh", "range.end = q.at - first + 1;", "range.end = q.at - first;", "Attention*"),
    ("attention.cuh", "  sync_block();  // lse has been read\n", "", "Attention*"),
    ("attention.cuh", "old_share * load", "share * load", "Attention*"),
    ("attention.cu", "weight_of(lse[s], all)", "weight_of(lse[0], all)", "Attention*"),
    ("attention_decode.cu", "copy_wait<1>();", "copy_wait<2>();", "*aligned*"),
    ("attention_decode.cu", "if (tile + 1 < share.tiles) fetch<kDim>(c, share, tile + 1);", "if (tile + 2 < share.tiles) fetch<kDim>(c, share, tile + 2);", "*aligned*"),
    ("attention_decode.cu", "  sync_block();  // the tiles become sums\n", "", "*aligned*"),
    ("attention_decode.cu", "  sync_block();\n  for (int i = thread; i < kGroup", "  for (int i = thread; i < kGroup", "*aligned*"),
    ("attention_decode.cu", "step = T::kLanes / 2; step > 0", "step = T::kLanes / 4; step > 0", "*aligned*"),
    ("attention_decode.cu", "const bool seen = key < share.keys &&", "const bool seen =", "*aligned*"),
    ("attention_decode.cu", "blockIdx.x * kTile;", "blockIdx.x * (kTile - 1);", "*aligned*"),
    ("attention_decode.cu", "mass != 0.0f ? top", "mass > 0.0f ? top", "*number stays*"),
    ("attention.cuh", "top == -INFINITY ? a + b", "top == -INFINITY ? top", "*number stays*"),
    ("argmax.cu", " || (b.value == a.value && b.id < a.id)", "", "The argmax*"),
    ("argmax.cu", "= best;\n    sync_block();", "= best;", "The argmax*"),
    ("rows.cu", "b * cos + before * sin", "b * cos + a * sin", "Rotary*"),
    ("rows.cu", "c.out[row * c.out_stride + i] += c.scale *", "c.out[row * c.out_stride + i] = c.scale *", "Scaled*"),
    ("causal_conv.cu", "last - c.taps + 2 +", "last - c.taps + 1 +", "Causal*"),
    ("recurrence.cuh", "    if (r.by_token && !computed) keep();\n", "", "Selective*"),
    ("recurrence.cuh", "  if (!stored && !r.by_token) keep();\n", "", "Selective*"),
    ("scans.cu", "found += decay * before", "found += before", "The gated*"),
    ("scans.cu", "clamped(wanted, c.dt_min, c.dt_max)", "clamped(wanted, c.dt_min, wanted)", "The scan*"),
    ("route.cu", "    sync_block();\n    if (threadIdx.x == 0) {", "    if (threadIdx.x == 0) {", "Routing*"),
    ("route.cu", "r.normalize ? r.scale / (sum + 1e-20f) : r.scale", "r.scale", "Routing*"),
    ("route.cu", "if (values[e / size] != -INFINITY)", "if (values[e / size] == -INFINITY)", "Routing*"),
    ("experts.cu", "pairs ? 2 * i + 1 : i + c.width", "pairs ? 2 * i + 1 : i", "Experts*"),
    ("experts.cu", "if (threadIdx.x % 32 == 0) out = ", "out = ", "Experts*"),
    ("copy.cu", "to += at * c.to_stride[axis]", "to += at * c.from_stride[axis]", "A strided*"),
]
KERNELS = pathlib.Path(__file__).parents[1] / "cuda" / "kernels"
ROOT = KERNELS.parents[2]


class Build:
    """A build folder: how its kernels are compiled, and what its test program is made of."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder).resolve(), name
        commands = json.loads((self.folder / "compile_commands.json").read_text())
        self.commands = {pathlib.Path(c["file"]).name: c for c in commands if "emulated_kernels.dir" in c["command"]}
        link = (self.folder / "devices/emulation/CMakeFiles/device_kernels_test.dir").rglob("*.o")
        self.tests = [str(o) for o in link]
        self.libraries = [str(next(self.folder.rglob(f"lib{n}.a"))) for n in ("emulated_kernels", "kvern_kernels", "kvern_test_main")]
        self.flags = [f for f in shlex.split(self.commands["matvec.cu"]["command"]) if f.startswith(("-fsanitize", "-O", "-g"))]

    def compile(self, folder, name):
        command = self.commands[name]
        words, out = shlex.split(command["command"]), str(folder / (name + ".o"))
        words = [w for w in words if not w.startswith("-O")] + ["-O1", "-w"]
        words[words.index("-o") + 1] = out
        planted = folder / "devices/cuda/kernels" / name
        words[words.index("-c") + 1] = str(planted if planted.exists() else KERNELS / name)
        words.insert(words.index("-o"), f"-I{folder}")
        first = next(i for i, w in enumerate(words) if w.startswith("-I") or w == "-isystem")
        words.insert(first, f"-I{folder}")
        subprocess.run(words, check=True, cwd=command["directory"])
        return out

    def finds(self, folder, objects, tests):
        program = str(folder / "test")
        subprocess.run(["g++", *self.flags, *self.tests, *objects, *self.libraries, "-pthread", "-o", program], check=True)
        fixed = ["setarch", "-R"] if "thread" in self.name else []
        run = subprocess.run([*fixed, program, tests], capture_output=True, timeout=300, text=True,
                             env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"})
        if "No test cases matched" in run.stdout + run.stderr:
            raise SystemExit(f"no test is called {tests}")
        return run.returncode != 0


def includers(name):
    """The kernels that include a header, by way of others too."""
    if name.endswith(".cu"):
        return [name]
    found = set()
    for source in KERNELS.glob("*.cu*"):
        if f'kernels/{name}"' in source.read_text():
            found |= set(includers(source.name))
    return sorted(found)


def plant(fault, builds):
    name, text, becomes, tests = fault
    code = (KERNELS / name).read_text()
    if text not in code:
        raise SystemExit(f"{name} has no {text!r} any more: plant another fault in its place")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        copy = folder / "devices/cuda/kernels" / name
        copy.parent.mkdir(parents=True)
        copy.write_text(code.replace(text, becomes, 1))
        for build in builds:
            objects = [build.compile(folder, unit) for unit in includers(name)]
            if build.finds(folder, objects, tests):
                return build.name
    return None


def check_without_fault(build):
    """A program that cannot start would find everything."""
    with tempfile.TemporaryDirectory() as temporary:
        if build.finds(pathlib.Path(temporary), [], "A kernel without a mistake runs through"):
            raise SystemExit(f"{build.name}: the program fails without a fault")


def main():
    builds = [Build(sys.argv[1], "tests"), Build(sys.argv[2], "thread sanitizer")]
    for build in builds:
        check_without_fault(build)
    missed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for fault, found in zip(FAULTS, pool.map(lambda fault: plant(fault, builds), FAULTS)):
            missed += found is None
            print(f"{found or 'NOT FOUND':18} {fault[0]}: {' '.join(fault[1].split())}", flush=True)
    print(f"{len(FAULTS) - missed} of {len(FAULTS)} faults found")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
