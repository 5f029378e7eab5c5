"""Which peers take part: those that were asked for and are there. Others are skipped with a word."""
import pathlib

from parts import say
from programs import STORED, Failed, Worker, compile_llama_worker, gguf_of, openvino_of

HERE = pathlib.Path(__file__).resolve().parent.parent
PEERS = ("llama.cpp", "ik_llama.cpp", "OpenVINO", "transformers")


def attempt(what, start):
    try:
        return start()
    except (Failed, OSError) as failure:
        say(f"skipped: {what}: {failure}")
        return None


def found(path, maker, weights):
    """The same model for another program."""
    if not path.exists():
        raise Failed(f"no {path}; peers/{maker} --weights {weights} makes it")
    return path


def as_stored(folder, weights):
    if weights != STORED:
        raise Failed("it takes part with --weights stored")
    return folder


def commands_of(options, shape, llama_workers):
    """(peer, how it is started) of those that were given; starting may fail."""
    folder, weights = shape.stored, shape.weights
    for name, program in llama_workers.items():
        yield name, lambda p=program: [p, found(gguf_of(folder, weights), "make_gguf.py", weights)]
    if "OpenVINO" in options.peers and options.openvino:
        yield "OpenVINO", lambda: [options.openvino, HERE / "peers" / "openvino_worker.py",
                                   found(openvino_of(folder, weights), "make_openvino.py", weights), shape.dtype]
    for python in options.transformers if "transformers" in options.peers else []:
        yield python, lambda p=python: [p, HERE / "peers" / "transformers_worker.py", as_stored(folder, weights), shape.dtype]


def start_peers(options, shape, llama_workers):
    peers = [attempt(name, lambda c=command: Worker(c())) for name, command in commands_of(options, shape, llama_workers)]
    return [peer for peer in peers if peer]


def not_given(options):
    """(peer, the option that names it) of those that are wanted."""
    given = {"llama.cpp": ("--llama-prefix", options.llama_prefix), "ik_llama.cpp": ("--ik-prefix", options.ik_prefix),
             "OpenVINO": ("--openvino", options.openvino), "transformers": ("--transformers", options.transformers)}
    return [(name, given[name][0]) for name in options.peers if not given[name][1]]


def llama_workers_of(options, folder):
    """{peer: its worker} of the two that are libraries."""
    prefixes = {"llama.cpp": options.llama_prefix, "ik_llama.cpp": options.ik_prefix}
    workers = {name: attempt(name, lambda n=name, p=prefix: compile_llama_worker(p, folder, n))
               for name, prefix in prefixes.items() if prefix and name in options.peers}
    return {name: worker for name, worker in workers.items() if worker}
