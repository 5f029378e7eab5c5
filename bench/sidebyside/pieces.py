"""Pieces of a Markdown page."""

FORMATS = {"8": "of 8 bits (peers: Q8_0, int8)", "4": "of 4 bits (peers: Q4_0, int4)"}


def table(head, rows):
    text = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(text + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def cell(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def title_of(threads):
    return f"{threads} thread" + ("s" if threads > 1 else "")


def weights_of(shape):
    """What a step reads, of the record of a shape."""
    return FORMATS.get(shape.get("weights"), shape.get("dtype", ""))
