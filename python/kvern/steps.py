"""How the forward passes of a model become the steps of a kvern cache.

The first layer that updates opens the step; when all have come it is complete. It is closed by the next call of whatever kind, and
not by the last update: what that handed out is read afterwards. A layer that comes again before the others have, or any other
verb between, means that the pass was given up: the cache is as before it (hooks.py sees it at once). One thread at a time.
"""
from __future__ import annotations

from .errors import UNSUPPORTED, ConfigError, KvernError, UnsupportedError

MAX_VERIFIED = 64  # passes of more tokens are no candidates of assisted decoding


class Steps:
    """``columns`` counts tokens as transformers does, padding included. Where the cache attends, padding has negative positions (`expect_padding`);
    where the model's own attention reads keys, it masks padding, which is stored like tokens, so that all rows have the same columns."""

    def __init__(self, native, layers, try_tentative=False):
        self.native, self.layers = native, layers
        self.n_layers = sum(layer["kind"] != "none" for layer in layers)
        self.try_tentative = try_tentative  # crops come unannounced (transformers 4)
        self.recording = False  # they have been announced (transformers 5)
        self.forget()

    def forget(self):
        self.open, self.done, self.n_new, self.row_pos = False, set(), 0, []
        self.tentative = self.in_pass = False
        self.columns, self.next, self.pads = 0, None, None
        self.hint = None
        self.biases = {}  # of the step: {id of a mask: (mask, bias)}

    def count(self):
        """How much is held, for `restore_count` of another cache with the same contents. Closes the step."""
        self.settle()
        return self.columns, self.next, self.pads, self.recording

    def restore_count(self, count):
        """Takes over what `count` said; lists are replaced, never changed, so that both may keep them."""
        self.columns, self.next, self.pads, self.recording = count

    # -- opening and closing

    @property
    def complete(self):
        return self.open and len(self.done) == self.n_layers

    def settle(self, keep=None):
        """Closes an open step: a complete one is kept (or its first `keep` tokens), one whose pass did not end is taken back."""
        if not self.open:
            return
        n = (self.n_new if keep is None else keep) if self.complete and not self.in_pass else 0
        self.open, self.done, self.biases = False, set(), {}
        self.native.end(n)
        if n:
            self.next = [position + n for position in self.row_pos]
            if self.columns == 0:
                self.pads = [-first for first in self.row_pos]
                self._refuse_empty()
            self.columns += n

    def _refuse_empty(self):
        """transformers feeds new tokens alone, so a cache that wants all of them again would be answered wrongly."""
        if max(self.next) > 0 and self.native.info()["tokens"] == 0:
            raise UnsupportedError(f"the cache '{self.native.name}' keeps nothing between passes: for no cache use generate(use_cache=False)",
                                   UNSUPPORTED)

    def pass_begins(self):
        """Closes what an earlier pass left open; a step that a question about masks opened stays."""
        if self.done:
            self.settle()
        self.in_pass = True

    def pass_ends(self, whole):
        """A pass that was broken off is taken back. Returns the layers that came if a whole one has left some out, else None."""
        self.in_pass = False
        if not whole:
            return self.settle(0)
        return self.give_up()

    def expect_padding(self, pads):
        """The columns of padding on the left of each row, known before the first pass."""
        if self.next is None:
            self.hint = pads

    def _open(self, rows, n_new):
        if self.next is not None and rows != len(self.next):
            raise ConfigError(f"the cache holds {len(self.next)} rows, but the pass has {rows}: call reset() before another batch, or "
                              "batch_select_indices() or batch_repeat_interleave() for other rows of this one")
        self.row_pos = self.next or [-pad for pad in self.hint or [0] * rows]
        if len(self.row_pos) != rows:
            self.row_pos = [0] * rows
        wanted = self.recording or (self.try_tentative and self.next is not None and 1 < n_new <= MAX_VERIFIED)
        self.tentative = wanted and self.native.begin_tentative(self.row_pos, n_new)
        if not self.tentative:
            self._begin(n_new)
        self.open, self.done, self.n_new, self.hint = True, set(), n_new, None

    def _begin(self, n_new):
        try:
            self.native.begin(self.row_pos, n_new)
        except UnsupportedError as error:
            raise UnsupportedError(f"{error} (generate's prefill_chunk_size makes smaller steps)", error.status) from None

    def enter(self, layer, rows, n_new):
        """Opens the step of a pass, or goes on in it."""
        if layer in self.done:
            self._refuse_part()
        if self.complete:
            if self.in_pass:
                raise UnsupportedError(f"layer {layer} comes twice in one pass, which a step of a kvern cache cannot hold: use transformers' DynamicCache",
                                       UNSUPPORTED)
            self.settle()
        if self.open and (n_new != self.n_new or rows != len(self.row_pos)):
            self.settle()
        if not self.open:
            self._open(rows, n_new)

    def _refuse_part(self):
        """After a pass that ended, without hooks, before all layers had come."""
        came = self.give_up()
        if came is not None:
            raise UnsupportedError(f"the pass before ended with {len(came)} of {self.n_layers} layers and has been taken back: a kvern cache serves "
                                   "passes over all layers of the model that it was made for", UNSUPPORTED)

    # -- what layers do

    def update(self, layer, k, v):
        """All keys and values of a layer, [B, Hkv, kv_len, D], on the cache's own memory: valid until another layer updates."""
        self.enter(layer, k.shape[0], k.shape[2])
        keys, values = self.native.update(layer, k, v)
        self.done.add(layer)
        return keys, values

    def attend(self, layer, q, k, v, out, **request):
        """q, out float32 [B, H, n_new, D]; see NativeCache.attend."""
        self.enter(layer, q.shape[0], q.shape[2])
        self.native.attend(layer, q, k, v, out, **request)
        self.done.add(layer)

    # -- what transformers asks

    def seq_length(self):
        return self.columns + (self.n_new if self.complete and not self.in_pass else 0)  # of a pass under way or given up: nothing yet

    def mask_sizes(self, n_new, layer):
        """The number of keys of the coming pass and the column of the first one. Opens the step, which the layers go on in."""
        self._refuse_part()
        if self.open and (self.done or self.n_new != n_new):
            self.settle()
        if self.next is None:
            return n_new, 0
        if not self.open:
            self._open(len(self.next), n_new)
        kv_len, before = self.native.view(layer)
        return kv_len, self.columns - before

    # -- verbs

    def crop(self, remove):
        """Forgets the last `remove` tokens of each row."""
        if self.complete and self.tentative and remove <= self.n_new:
            return self.settle(self.n_new - remove)
        self.settle()
        if remove <= 0 or self.next is None:
            return
        if remove >= self.columns:
            return self.reset()
        self.native.truncate([position - remove for position in self.next])
        self.next = [position - remove for position in self.next]
        self.columns -= remove

    def gather(self, rows):
        self.settle()
        if self.next is None:
            return
        self.native.gather(rows)
        self.next = [self.next[row] for row in rows]
        self.pads = [self.pads[row] for row in rows]

    def append(self, other):
        """Adds the rows of another cache of as many columns."""
        self.settle()
        other.settle()
        if self.next is None or other.next is None or self.columns != other.columns:
            raise ConfigError(f"rows of {other.columns} tokens cannot join rows of {self.columns}: both need as many, above 0")
        self.native.append(other.native)
        self.next, self.pads = self.next + other.next, self.pads + other.pads

    def reset(self):
        self.settle(0)
        self.native.reset()
        self.forget()

    def give_up(self):
        """Takes back a step whose pass has ended without all layers; its layers are returned."""
        if not self.open or self.complete or not self.done:
            return None
        came = sorted(self.done)
        self.settle()
        return came

    # -- keys and values from and to elsewhere

    def export(self):
        """[(keys, values)] of each layer, copies; None for a layer without keys."""
        self.settle()
        if self.next is None:
            return [None] * len(self.layers)
        self.native.begin(self.next, 0)
        try:
            return [tuple(t.clone() for t in self.native.read(i)) if layer["kind"] != "none" else None
                    for i, layer in enumerate(self.layers)]
        finally:
            self.native.end(0)

    def import_(self, pairs, flags):
        """Fills an empty cache with keys and values [B, Hkv, T, D] of each layer."""
        first = next(pair for pair in pairs if pair is not None)
        rows, n_new = first[0].shape[0], first[0].shape[2]
        self.row_pos = [0] * rows
        self.native.begin(self.row_pos, n_new, flags)
        self.open, self.done, self.n_new = True, set(), n_new
        try:
            for layer, pair in enumerate(pairs):
                if pair is not None:
                    self.native.store(layer, *pair)
                    self.done.add(layer)
        except KvernError:
            self.done = set()
            raise
        finally:
            self.settle()
