"""Tables of tokens per second, of prompts and of several sequences at once, and how many times as many kvern makes."""
import statistics

import records as store
from pieces import cell, table, title_of


class Rates:
    """{(program, cache): {column: [tokens per second, one a round]}}."""

    def __init__(self, records, column, rate):
        self.rows = {}
        for r in sorted(records, key=lambda r: (r["program"] != "kvern", r["program"])):
            self.rows.setdefault((r["program"], r["cache"]), {}).setdefault(r[column], []).append(rate(r))
        self.columns = sorted({column for row in self.rows.values() for column in row})

    def median(self, key, column):
        rates = self.rows[key].get(column)
        return statistics.median(rates) if rates else None

    def both(self, key, column):
        """Median (best)."""
        rates = self.rows[key].get(column)
        return f"{statistics.median(rates):.0f} ({max(rates):.0f})" if rates else ""

    def most(self, family, column):
        """The best median of a peer."""
        return max((self.median(key, column) for key in self.rows if key[0].split()[0] == family and column in self.rows[key]), default=None)

    def peers(self):
        return list(dict.fromkeys(key[0].split()[0] for key in self.rows if key[0] != "kvern"))

    def ratios(self):
        """Of each cache of kvern to the best of each peer."""
        for key in (k for k in self.rows if k[0] == "kvern"):
            for peer in self.peers():
                pairs = [(self.median(key, c), self.most(peer, c)) for c in self.columns]
                yield [key[1], peer + ", its best", *[cell(ours and theirs and ours / theirs, 2) for ours, theirs in pairs]]

    def tables(self, title, what):
        head = [str(c) for c in self.columns]
        text = f"## {title}\n\nTokens per second, median (best), by {what}.\n\n"
        text += table(["program", "cache", *head], [[*key, *[self.both(key, c) for c in self.columns]] for key in self.rows])
        times = list(self.ratios())
        return text + ("\nHow many times as many.\n\n" + table(["kvern", "as", *head], times) if times else "")


def by_threads(records, part):
    return sorted(store.grouped(store.select(records, part=part), "threads").items())


def prefill(records):
    return "\n".join(Rates(group, "tokens", lambda r: r["tokens"] / r["seconds"]).tables(f"Prefill, {title_of(threads)}", "length of the prompt")
                     for threads, group in by_threads(records, "prefill"))


def batch(records):
    sections = []
    for threads, group in by_threads(records, "batch"):
        rates = Rates(group, "sequences", lambda r: r["sequences"] * 1e3 / statistics.median(r["steps_ms"]))
        title = f"Several sequences at once, depth {group[0]['depth']}, {title_of(threads)}"
        sections.append(rates.tables(title, "number of sequences, all together"))
    return "\n".join(sections)
