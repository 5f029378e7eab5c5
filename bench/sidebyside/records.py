"""What was measured, one JSON object a line, so that tables can be made again without measuring."""
import json


def load(path):
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text().splitlines() if text.strip()]


def save(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def replaced(old, new):
    """The old records without those of parts (per number of threads) that were measured again, then the new ones."""
    again = {(r["part"], r.get("threads")) for r in new}
    return [r for r in old if (r["part"], r.get("threads")) not in again] + new


def select(records, **wanted):
    return [r for r in records if all(r.get(key) == value for key, value in wanted.items())]


def grouped(records, *keys):
    """{(values of the keys): [records]}, in order of appearance; of one key, the plain value."""
    groups = {}
    for record in records:
        values = tuple(record.get(key) for key in keys)
        groups.setdefault(values if len(keys) > 1 else values[0], []).append(record)
    return groups
