"""The programs that are compared. Each answers decode, prefill and generate with the same shape of result."""
import json
import os
import pathlib
import resource
import subprocess

HERE = pathlib.Path(__file__).resolve().parent.parent


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


def gguf_of(folder):
    """Where peers/make_gguf.py writes a model for llama.cpp."""
    return folder.parent / "gguf" / f"{folder.name}.gguf"


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
    """A program of bench/peers that stays loaded and takes one request a line."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
        self.name = self.reply()["program"]

    def reply(self):
        text = self.process.stdout.readline()
        if not text:
            raise Failed("the program ended")
        answer = json.loads(text)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.reply()

    def decode(self, setting, threads, tokens, seconds, depths):
        return self.ask("decode", setting.arguments[0], threads, tokens, seconds, ",".join(map(str, depths)))["decode"]

    def batch(self, cache, threads, tokens, rows, depth):
        return self.ask("batch", cache, threads, tokens, rows, depth)

    def prefill(self, setting, threads, length):
        return self.ask("prefill", setting.arguments[0], threads, length)["seconds"]

    def generate(self, setting, threads, prompt, tokens):
        return self.ask("generate", setting.arguments[0], threads, prompt, tokens)["seconds"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def compile_llama_worker(prefix, folder):
    """Our requests to an installed libllama, as a program."""
    libraries = next((prefix / name for name in ("lib", "lib64") if (prefix / name / "libllama.so").exists()), None)
    if libraries is None:
        raise Failed(f"no lib/libllama.so in {prefix}")
    program = pathlib.Path(folder) / "llama_worker"
    command = [os.environ.get("CXX", "c++"), "-std=c++20", "-O2", HERE / "peers" / "llama_worker.cpp", "-I", prefix / "include",
               "-L", libraries, f"-Wl,--disable-new-dtags,-rpath,{libraries.resolve()}", "-lllama", "-lggml", "-lggml-base", "-o", program]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise Failed(done.stderr.strip()[-400:])
    return program
