"""Heads and tags against a plain dict: rotation, runs, merges, late registration, reopening."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import heads, tags
from ledger.heads import ChainHeads, ChainType, Head
from ledger.store import sorted_index
from ledger.store.run_form import RunForm, heads_form
from ledger.store.runs import write_run
from ledger.store.sorted_index import Finished, RunBuilder, SortedIndex
from ledger.store.tables import RunName, RunRow
from ledger.tags import TagIndex
from ledger.wire.epoch import blind
from ledger.wire.ids import ChainId, Hash
from tests.small_runs import InProcessMerger, small_runs

LOG = Hash(b"L" * 32)
STRETCH = 16
FANOUT = 4


class ManualBuilder(RunBuilder):
    """A builder without a thread: the test decides when queued work is done."""

    def __init__(self) -> None:
        super().__init__()
        self.close()

    def work(self, count: int) -> None:
        """Do up to ``count`` queued tasks."""
        for _ in range(count):
            shop = next(
                (one for one in (self._builds, self._merges) if not one.queue.empty()), None
            )
            if shop is None:
                return
            task = shop.queue.get()
            assert isinstance(task, sorted_index._Task)
            self._do(task, shop.merger)


def small(patch: pytest.MonkeyPatch, generation: int) -> None:
    small_runs(patch, STRETCH, FANOUT)
    patch.setattr(heads, "GENERATION", generation)


class Model:
    """A log of chain ids and tags, with the indexes beside it."""

    def __init__(self, directory: Path, rng: random.Random, chains: int) -> None:
        for name in ("heads", "tags"):
            (directory / name).mkdir()
        self.directory = directory
        self.rng = rng
        self.chains = [ChainId(rng.randbytes(16)) for _ in range(chains)]
        self.size = 0
        self.log: list[tuple[ChainId, Head]] = []
        self.tagged: list[tuple[int, bytes]] = []
        self.newest: dict[ChainId, Head] = {}
        self.newest_tag: dict[bytes, int] = {}
        self.registered: dict[RunName, tuple[RunRow, ...]] = dict.fromkeys(RunName, ())
        self.open()

    def open(self) -> None:
        """As after a crash: what is not registered is replayed."""
        self.builder = ManualBuilder()
        self.heads = ChainHeads(LOG, self.index("heads", RunName.HEADS, heads_form(LOG)))
        self.tags = TagIndex(self.index("tags", RunName.TAGS, RunForm(tags.ROW.size)))
        start = self.heads.index.upto
        rest = self.log[start:]
        self.heads.applied(start, [c for c, _ in rest], [h for _, h in rest], self.builder)
        start = self.tags.index.upto
        pairs = [pair for pair in self.tagged if pair[0] >= start]
        self.tags.applied(start, self.size - start, pairs, self.builder)
        for index in (self.heads.index, self.tags.index):
            index.remove_strays()
            self.builder.merge_if_due(index)

    def index(self, name: str, run: RunName, form: RunForm) -> SortedIndex:
        return SortedIndex(self.directory / name, run, form, self.registered[run])

    def commit(self, count: int) -> None:
        chains, news, pairs = [], [], []
        for at in range(self.size, self.size + count):
            # Some chains are busy, most are rare.
            chain = self.chains[
                min(int(self.rng.expovariate(8 / len(self.chains))), len(self.chains) - 1)
            ]
            before = self.newest.get(chain)
            head = Head(
                ChainType.PERSON,
                before.length + 1 if before else 1,
                at,
                Hash(self.rng.randbytes(32)),
            )
            self.newest[chain] = head
            chains.append(chain)
            news.append(head)
            if self.rng.random() < 0.3:
                tag = bytes([self.rng.randrange(200)]) * 16
                pairs.append((at, tag))
                self.newest_tag[tag] = at
        for _ in range(len(self.builder.finished)):
            self.builder.adopt_next()
            self.tags.registered(self.tags.index.upto)
        self.registered[RunName.HEADS] = self.heads.index.rows
        self.registered[RunName.TAGS] = self.tags.index.rows
        self.log += zip(chains, news, strict=True)
        self.tagged += pairs
        self.heads.applied(self.size, chains, news, self.builder)
        self.tags.applied(self.size, count, pairs, self.builder)
        self.size += count

    def check(self) -> None:
        for chain in self.chains:
            assert self.heads.get(chain) == self.newest.get(chain)
        for number in range(200):
            tag = bytes([number]) * 16
            assert self.tags.get(tag) == self.newest_tag.get(tag)
        assert self.heads.get(ChainId(bytes(16))) is None


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_random_chains_agree_with_a_dict(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    generation = data.draw(st.sampled_from([3, 10, 60]))
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    with pytest.MonkeyPatch.context() as patch:
        small(patch, generation)
        model = Model(tmp_path_factory.mktemp("model"), rng, data.draw(st.integers(1, 150)))
        for _ in range(data.draw(st.integers(1, 25))):
            model.commit(data.draw(st.integers(1, 70)))
            model.builder.work(data.draw(st.integers(0, 6)))
            if not rng.randrange(8):
                model.open()
            model.check()


def test_a_long_log_agrees_with_a_dict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over FANOUT² stretches: runs of three sizes."""
    small(monkeypatch, 100)
    model = Model(tmp_path, random.Random(5), 900)
    while model.size < STRETCH * FANOUT**3 * 2:
        model.commit(23)
        model.builder.work(6)
    model.check()
    spans = {row.stop - row.start for row in model.heads.index.rows}
    assert STRETCH * FANOUT**3 in spans
    model.open()
    model.check()


def test_the_sizes_of_production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """4,096 × 17 leaves and more, merged twice."""
    monkeypatch.setattr(sorted_index, "Merger", InProcessMerger)
    monkeypatch.setattr(heads, "GENERATION", 2_000)
    model = Model(tmp_path, random.Random(6), 12_000)
    while model.size < 4096 * 17 + 500:
        model.commit(1000)
        model.builder.work(3)
    model.check()
    assert model.heads.index.rows[0].stop == 65_536
    model.open()
    model.check()


def test_rows_are_blinded_and_newest_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 100)
    model = Model(tmp_path, random.Random(1), 4)
    model.commit(STRETCH)
    model.builder.work(9)
    model.commit(1)
    (path,) = (tmp_path / "heads").iterdir()
    data = path.read_bytes()
    assert not [chain for chain in model.chains if bytes(chain) in data]
    present = [chain for chain, _ in model.log[:STRETCH]]
    assert all(blind(LOG, chain) in data for chain in present)


def test_a_reader_without_builder_keeps_full_stretches_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, 20)
    model = Model(tmp_path, random.Random(2), 50)
    model.commit(10 * STRETCH + 3)
    reader = ChainHeads(LOG, model.index("heads", RunName.HEADS, heads_form(LOG)))
    reader.applied(0, [c for c, _ in model.log], [h for _, h in model.log], None)
    tag_reader = TagIndex(model.index("tags", RunName.TAGS, RunForm(tags.ROW.size)))
    tag_reader.applied(0, model.size, model.tagged, None)
    for chain, head in model.newest.items():
        assert reader.get(chain) == head
    for tag, index in model.newest_tag.items():
        assert tag_reader.get(tag) == index


def test_what_is_registered_leaves_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 20)
    model = Model(tmp_path, random.Random(3), 300)
    for _ in range(60):
        model.commit(STRETCH)
        model.builder.work(9)
    model.check()
    assert len(model.tags._recent) <= 4 * STRETCH
    kept = model.heads._generations
    assert len(kept.new) + len(kept.old) <= 2 * (20 + 4 * STRETCH)


def test_an_empty_run_is_adopted_without_a_file(tmp_path: Path) -> None:
    count, digest = write_run(tmp_path / "000000000000-000000004096.run", [bytes(24)], RunForm(24))
    row = RunRow(RunName.TAGS, 0, 4096, count, digest)
    index = SortedIndex(tmp_path, RunName.TAGS, RunForm(24), [row])
    index.adopt(
        Finished(
            RunRow(RunName.TAGS, 4096, 8192, 0, write_run(tmp_path / "x", [], RunForm(24))[1]), ()
        )
    )
    assert index.upto == 8192
    assert index.find(bytes(16)) == bytes(24)
