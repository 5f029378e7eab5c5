"""The side of a peer's worker that talks with compare.sh: one request a line, one JSON line back."""
import json
import sys


def answer_requests(program, worker):
    """Says which program answers, then what worker.answer makes of each line of standard input."""
    print(json.dumps({"program": program}), flush=True)
    for line in sys.stdin:
        try:
            print(json.dumps(worker.answer(line)), flush=True)
        except Exception as e:  # whatever the library throws, the row is skipped with its words
            print(json.dumps({"error": f"{type(e).__name__}: {str(e)[:300]}"}), flush=True)
