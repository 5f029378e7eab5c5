"""The programs that are compared. Each answers decode, prefill and generate with the same shape of result."""
import json
import os
import pathlib
import resource
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent
STORED = "stored"  # weights as a folder holds them, beside "8" and "4" bits


class Failed(Exception):
    """A program could not do what was asked; the text says why in its own words."""


def run(command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise Failed(done.stderr.strip()[-400:] or f"exit code {done.returncode}")
    return done.stdout


def run_timed(command):
    """What it printed, and the seconds of processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return text, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def packed(name, weights):
    """What a model's copy with weights of so many bits is called."""
    return name if weights == STORED else f"{name}-{weights}bit"


def packed_of(folder, weights):
    """Where a model with packed weights lies; bench/weights.py and compare.sh make it by `kvern quantize`."""
    return folder.with_name(packed(folder.name, weights))


def gguf_of(folder, weights=STORED):
    """Where peers/make_gguf.py writes a model for llama.cpp."""
    return folder.parent / "gguf" / f"{packed(folder.name, weights)}.gguf"


def openvino_of(folder, weights=STORED):
    """Where peers/make_openvino.py writes a model for OpenVINO."""
    return folder.parent / "openvino" / packed(folder.name, weights)


class Kvern:
    """Starts `kvern` for each request: weights are mapped, a start takes less than a second."""
    name = "kvern"

    def __init__(self, program, model):
        self.program, self.model = program, model

    def bench(self, setting, threads, **flags):
        command = [self.program, "bench", "--model", self.model, "--threads", threads, "--output", "json", *setting.arguments]
        for name, value in {"depths": "", "prefill": "", "repeats": 1, **flags}.items():
            command += ["--" + name, value]
        return json.loads(run(command))

    def decode(self, setting, threads, tokens, seconds, depths):
        report = self.bench(setting, threads, depths=",".join(map(str, depths)), new=tokens)
        return [{"depth": d["depth"], "steps_ms": d["steps_ms"], "cache_bytes": d["cache_bytes_used"]}
                for d in report["results"][0]["decode"]]

    def prefill(self, setting, threads, length):
        report = self.bench(setting, threads, prefill=length)
        return length / report["results"][0]["prefill"][0]["tokens_per_second_best"]

    def batch(self, setting, threads, tokens, rows, depth):
        step = self.bench(setting, threads, depths=depth, new=tokens, rows=rows)["results"][0]["decode"][0]
        return {"steps_ms": step["steps_ms"]}

    def bench_memory(self, setting, threads, depth):
        return self.bench(setting, threads, depths=depth, new=2, fill="prefill")

    def generate(self, setting, threads, prompt, tokens):
        ids = ",".join(str(7 + i) for i in range(prompt))
        timings = json.loads(run([self.program, "generate", "--model", self.model, "--threads", threads, "--output", "json",
                                  "--input-ids", ids, "--max-new-tokens", tokens, "--set", "generation.eos_token_id=[]",
                                  "--set", "generation.do_sample=false", *setting.arguments]))["timings"]
        return timings["prefill_seconds"] + timings["decode_seconds"]

    def stop(self):
        pass


class Worker:
    """A program of bench/peers that stays loaded and takes one request a line; one that died is started again."""

    def __init__(self, command):
        self.command = [str(word) for word in command]
        self.start()

    def start(self):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
        self.name = self.reply()["program"]

    def reply(self):
        text = self.process.stdout.readline()
        if not text:
            raise Failed(self.last_words())
        answer = json.loads(text)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def last_words(self):
        """Of a program that ended."""
        self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines()
        self.stop()
        return f"the program ended with code {self.process.returncode}" + (f": {said[-1][-400:]}" if said else "")

    def ask(self, *words):
        if self.process.poll() is not None:
            self.start()
        print(*words, file=self.process.stdin, flush=True)
        return self.reply()

    def decode(self, setting, threads, tokens, seconds, depths):
        return self.ask("decode", setting.arguments[0], threads, tokens, seconds, ",".join(map(str, depths)))["decode"]

    def batch(self, setting, threads, tokens, rows, depth):
        return self.ask("batch", setting.arguments[0], threads, tokens, rows, depth)

    def prefill(self, setting, threads, length):
        return self.ask("prefill", setting.arguments[0], threads, length)["seconds"]

    def generate(self, setting, threads, prompt, tokens):
        return self.ask("generate", setting.arguments[0], threads, prompt, tokens)["seconds"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


# what a worker is linked with, and how it is told whose interface it finds
LLAMA = {"llama.cpp": ["-lllama", "-lggml", "-lggml-base"], "ik_llama.cpp": ["-lllama", "-lggml", "-DIK_LLAMA"]}


def compile_llama_worker(prefix, folder, name="llama.cpp"):
    """Our requests to an installed libllama, as a program."""
    libraries = next((prefix / lib for lib in ("lib", "lib64") if (prefix / lib / "libllama.so").exists()), None)
    if libraries is None:
        raise Failed(f"no lib/libllama.so in {prefix}")
    program = pathlib.Path(folder) / f"{name}_worker"
    command = [os.environ.get("CXX", "c++"), "-std=c++20", "-O2", HERE / "peers" / "llama_worker.cpp", "-I", prefix / "include",
               "-L", libraries, f"-Wl,--disable-new-dtags,-rpath,{libraries.resolve()}", *LLAMA[name], "-o", program]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise Failed(done.stderr.strip()[-400:])
    return program
