"""Divide a data set into train, val and test: seeded, stratified, with groups kept together, the same everywhere.

The order in which samples are dealt out comes from sha256 of the seed and the relative path, so neither the file
system nor a library's random generator has a say.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgevision.data.dataset import SPLITS, Dataset, Sample, Skipped, name_some
from edgevision.data.duplicates import near_duplicates
from edgevision_runtime.atomic import write_text
from edgevision_runtime.errors import DataError, UsageError

Key = TypeVar("Key", bound=Hashable)

__all__ = ["SplitPlan", "choose", "near_duplicates", "read_splits", "split", "write_splits"]

COLUMNS = ("path", "label", "split", "group")


@dataclass(frozen=True)
class SplitPlan:
    """How to divide.

    Raises:
        UsageError: shares that are negative or do not sum to 1, or a `group_by` that is no regular expression.
    """

    seed: int = 0
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)  # train, val, test
    group_by: str | None = None  # searched in file names: the first capture group, else the match, is the group's id

    def __post_init__(self) -> None:
        has_numbers = len(self.shares) == 3 and all(math.isfinite(share) and share >= 0 for share in self.shares)
        if not has_numbers or abs(sum(self.shares) - 1) > 1e-6 or self.shares[0] == 0:
            raise UsageError(f"split shares {self.shares}", expected="train, val, test that sum to 1, train above 0")
        try:
            re.compile(self.group_by or "")
        except re.error as error:
            raise UsageError(f"--group-by {self.group_by!r}: {error}", expected="a regular expression") from error


def split(dataset: Dataset, plan: SplitPlan) -> Dataset:
    """The data set with `split` and `group` set on every sample.

    A split that the data set brings along is kept; what is left under `train` makes up the missing ones. The group of
    a file name comes from `plan.group_by`, else from what a named set recommends. A class with three or more samples
    (groups) stands in every split.

    Raises:
        DataError: a file name that `group_by` does not match, a group on both sides of a split that came along, or
            too few samples.
    """
    samples = _with_groups(dataset, plan.group_by or dataset.group_by)
    kept = {sample.split for sample in samples if sample.split in ("val", "test")}
    shares = {name: share for name, share in zip(SPLITS, plan.shares, strict=True) if name not in kept and share > 0}
    pool = [position for position, sample in enumerate(samples) if sample.split not in ("val", "test")]
    chosen = _deal(dataset, [samples[position] for position in pool], shares, plan.seed)
    for position, name in zip(pool, chosen, strict=True):
        samples[position] = dataclasses.replace(samples[position], split=name)
    _refuse_shared_groups(samples)
    return dataclasses.replace(dataset, samples=tuple(samples))


def choose(samples: Sequence[Sample], count: int, seed: int = 0) -> tuple[Sample, ...]:
    """`count` samples (or all, when there are fewer) that keep the shares of the strata; seeded, in the order given."""
    if count >= len(samples):
        return tuple(samples)
    order = _dealing_order([sample.image.name for sample in samples], seed)
    strata = defaultdict(list)
    for position in order:
        strata[samples[position].stratum].append(position)
    quotas = _quotas(count, {stratum: len(members) for stratum, members in strata.items()})
    picked = sorted(position for stratum, members in strata.items() for position in members[: quotas[stratum]])
    return tuple(samples[position] for position in picked)


def write_splits(path: Path, dataset: Dataset) -> None:
    """Write splits.csv: path (below the root, with /), label, split, group."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for sample in dataset.samples:
        label = "" if sample.label is None else dataset.labels[sample.label]
        writer.writerow([dataset.relative(sample), label, sample.split or "", sample.group or ""])
    write_text(path, text.getvalue())


def read_splits(path: Path, dataset: Dataset) -> Dataset:
    """The data set divided as `path` says; images that it does not list are left out and stand in `skipped`.

    Raises:
        DataError: no splits.csv, a listed image that is not in the data set, or one whose label has changed.
    """
    rows = {row["path"]: row for row in _rows(path)}
    samples, skipped = [], list(dataset.skipped)
    for sample in dataset.samples:
        row = rows.pop(dataset.relative(sample), None)
        if row is None:
            skipped.append(Skipped(sample.image, f"{sample.image.name} is not listed in {path.name}"))
            continue
        label = "" if sample.label is None else dataset.labels[sample.label]
        if row["label"] != label:
            raise DataError(
                f"{row['path']} is {label!r} here and {row['label']!r} in {path}", expected="the same label"
            )
        samples.append(dataclasses.replace(sample, split=row["split"] or None, group=row["group"] or None))
    unreadable = {entry.path.relative_to(dataset.root).as_posix() for entry in dataset.skipped}
    if missing := [name for name in rows if name not in unreadable]:
        raise DataError(
            f"{len(missing)} images of {path} are not in {dataset.root}: {name_some(missing)}",
            expected="the data set that was split",
        )
    return dataclasses.replace(dataset, samples=tuple(samples), skipped=tuple(skipped))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns, rows = tuple(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", expected="a splits.csv that `train` wrote") from error
    if columns != COLUMNS or any(None in row or None in row.values() for row in rows):
        raise DataError(f"{path} is no splits.csv: columns {', '.join(columns)}", expected=", ".join(COLUMNS))
    if odd := {row["split"] for row in rows} - {*SPLITS, ""}:
        raise DataError(f"{path} names split {name_some(map(repr, odd))}", expected=" | ".join(SPLITS))
    return rows


def _with_groups(dataset: Dataset, group_by: str | None) -> list[Sample]:
    if group_by is None:
        return list(dataset.samples)
    pattern = re.compile(group_by)
    matches = [pattern.search(sample.image.name) for sample in dataset.samples]
    found = [(match.group(1) if pattern.groups else match.group(0)) if match else None for match in matches]
    strangers = [sample.image.name for sample, group in zip(dataset.samples, found, strict=True) if not group]
    if strangers:
        raise DataError(
            f"{len(strangers)} file names do not match --group-by {group_by!r}: {name_some(strangers)}",
            expected="an expression that finds the group in every name",
        )
    if len(set(found)) == 1 and len(found) > 1:
        raise DataError(
            f"--group-by {group_by!r} puts all {len(found)} images into one group, {found[0]!r}",
            expected="a group for each patient, recording or object",
        )
    return [dataclasses.replace(sample, group=group) for sample, group in zip(dataset.samples, found, strict=True)]


def _refuse_shared_groups(samples: Sequence[Sample]) -> None:
    first: dict[str, Sample] = {}
    for sample in samples:
        if sample.group is None:
            continue
        other = first.setdefault(sample.group, sample)
        if other.split != sample.split:
            raise DataError(
                f"group {sample.group!r} stands in {other.split} ({other.image.name}) and {sample.split} "
                f"({sample.image.name}) of the split that the data set brings along",
                hint="pour its split folders together, and the split is made anew",
            )


def _deal(dataset: Dataset, pool: list[Sample], shares: dict[str, float], seed: int) -> list[str]:
    """The split of each sample of `pool`."""
    whole = sum(shares.values())
    shares = {name: share / whole for name, share in shares.items()}
    order = _dealing_order([dataset.relative(sample) for sample in pool], seed)
    deal = _deal_groups if any(sample.group is not None for sample in pool) else _deal_singles
    chosen = deal(pool, order, shares, seed)
    if empty := [name for name in shares if name not in chosen]:
        kind = "groups" if deal is _deal_groups else "images"
        raise DataError(
            f"{len(pool)} images are too few: nothing is left for {' and '.join(empty)}",
            expected=f"a class with at least {len(shares)} {kind}",
        )
    return chosen


def _dealing_order(names: Sequence[str], seed: int) -> list[int]:
    """Positions in an order that looks random and depends on nothing but the seed and the names."""
    return sorted(range(len(names)), key=lambda i: (hashlib.sha256(f"{seed}:{names[i]}".encode()).digest(), i))


def _deal_singles(pool: list[Sample], order: list[int], shares: dict[str, float], seed: int) -> list[str]:
    """Each stratum on its own, by the largest remainder."""
    strata = defaultdict(list)
    for position in order:
        strata[pool[position].stratum].append(position)
    chosen = [""] * len(pool)
    for members in strata.values():
        quotas = _quotas(len(members), shares)
        names = [name for name in shares for _ in range(quotas[name])]
        for position, name in zip(members, names, strict=True):
            chosen[position] = name
    return chosen


def _quotas(count: int, weights: Mapping[Key, float]) -> dict[Key, int]:
    """`count` divided by `weights` in whole numbers: largest remainder, and at least one each when there are enough."""
    whole = sum(weights.values())
    exact = {key: count * weight / whole for key, weight in weights.items()}
    quotas = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(exact, key=lambda key: -(exact[key] - int(exact[key])))  # stable: earlier keys first
    for key in by_remainder[: count - sum(quotas.values())]:
        quotas[key] += 1
    if count >= len(quotas):
        for key in quotas:
            if quotas[key] == 0:
                quotas[max(quotas, key=lambda other: quotas[other])] -= 1
                quotas[key] = 1
    return quotas


def _deal_groups(pool: list[Sample], order: list[int], shares: dict[str, float], seed: int) -> list[str]:
    """Whole groups, largest first, each to where the squared distance of the strata from their shares grows least."""
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for position in order:
        sample = pool[position]
        groups[sample.group or ""][sample.stratum] += 1
    totals = Counter(sample.stratum for sample in pool)
    targets = {name: {stratum: total * share for stratum, total in totals.items()} for name, share in shares.items()}
    have: dict[str, Counter[int]] = {name: Counter() for name in shares}
    names = list(groups)
    ranked = [names[i] for i in _dealing_order(names, seed)]
    ranked.sort(key=lambda group: -groups[group].total())  # stable: equal sizes stay in seeded order
    place: dict[str, str] = {}
    for group in ranked:
        place[group] = min(shares, key=_growth(groups[group], have, targets))
        have[place[group]].update(groups[group])
    _fill_gaps(place, groups, list(shares))
    return [place[sample.group or ""] for sample in pool]


def _growth(
    group: Counter[int], have: dict[str, Counter[int]], targets: dict[str, dict[int, float]]
) -> Callable[[str], float]:
    """How much the chi-square distance from the targets grows when `group` joins a split."""

    def growth(name: str) -> float:
        return sum(
            ((have[name][s] + n - targets[name][s]) ** 2 - (have[name][s] - targets[name][s]) ** 2) / targets[name][s]
            for s, n in group.items()
        )

    return growth


def _fill_gaps(place: dict[str, str], groups: dict[str, Counter[int]], splits: list[str]) -> None:
    """Give each split that misses a stratum the smallest group of it from the split that has the most of them."""
    for stratum in sorted({stratum for counter in groups.values() for stratum in counter}):
        holders = [group for group in place if stratum in groups[group]]
        if len(holders) < len(splits):
            continue
        for name in splits:
            held = Counter(place[group] for group in holders)
            if held[name] == 0:
                donor = max(splits, key=lambda other: held[other])
                moved = min((g for g in holders if place[g] == donor), key=lambda g: groups[g].total())
                place[moved] = name
