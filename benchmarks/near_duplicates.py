"""Exact shingle join beside MinHash-LSH (datasketch): time, memory, pairs found and missed.

    python benchmarks/near_duplicates.py --posts 20000          both, checked against all pairs
    python benchmarks/near_duplicates.py --posts 1000000 --only ours

Posts are made of invented words with a natural spread of frequencies; one in twenty is an edited
copy of an earlier one. Each engine runs in a process of its own on one core; memory is the peak of
that process less what it held before the join began. Needs: pip install datasketch
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time

from mentallama.near import RUN, THRESHOLD, find_near_duplicates

Pairs = set[tuple[int, int]]


def make_posts(count: int, seed: int = 0) -> list[str]:
    """Make posts of 20 to 180 words; one in twenty copies an earlier post with a few edits."""
    import numpy as np

    chance = np.random.default_rng(seed)
    vocabulary = np.array([f"w{number:x}" for number in range(50_000)], dtype=object)
    weights = 1 / np.arange(1, len(vocabulary) + 1)
    stream = chance.choice(len(vocabulary), 4_000_000, p=weights / weights.sum()).astype(np.int32)
    posts: list[str] = []
    for number in range(count):
        if number % 20 == 19:
            words = posts[int(chance.integers(number))].split()
            for _ in range(int(chance.integers(0, 4))):
                words[int(chance.integers(len(words)))] = "edited"
        else:
            start = int(chance.integers(len(stream) - 180))
            words = vocabulary[chance.permutation(stream[start : start + chance.integers(20, 180)])]
        posts.append(" ".join(words))
    return posts


def shingles(text: str) -> set[str]:
    """Return the runs of words of a post."""
    words = text.split()
    return {" ".join(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))}


def run_ours(posts: list[str]) -> Pairs:
    """Find the pairs by the project's join."""
    return {(pair.first, pair.second) for pair in find_near_duplicates(posts)}


def run_minhash(posts: list[str]) -> Pairs:
    """Index all posts, query each, and keep the candidates whose true similarity is enough."""
    from datasketch import MinHash, MinHashLSH

    sets = [shingles(post) for post in posts]
    sketches = list(MinHash.generator(([s.encode() for s in one] for one in sets), num_perm=128))
    index = MinHashLSH(threshold=THRESHOLD, num_perm=128)
    with index.insertion_session() as session:
        for number, sketch in enumerate(sketches):
            session.insert(number, sketch)
    found: Pairs = set()
    for number, sketch in enumerate(sketches):
        for other in index.query(sketch):
            if other < number and _similar(sets[number], sets[other]):
                found.add((other, number))
    return found


def run_all_pairs(posts: list[str]) -> Pairs:
    """Compare every post with every other that shares a run of words with it."""
    sets = [shingles(post) for post in posts]
    holders: dict[str, list[int]] = {}
    for number, one in enumerate(sets):
        for run in one:
            holders.setdefault(run, []).append(number)
    near = {
        (a, b) for group in holders.values() for i, a in enumerate(group) for b in group[i + 1 :]
    }
    return {(a, b) for a, b in near if _similar(sets[a], sets[b])}


def _similar(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= THRESHOLD * len(one | other) - 1e-12


ENGINES = {"ours": run_ours, "minhash": run_minhash, "all pairs": run_all_pairs}


def measure(engine: str, count: int) -> None:
    """Run one engine in this process and print what it took as JSON."""
    os.sched_setaffinity(0, {random.choice(sorted(os.sched_getaffinity(0)))})
    posts = make_posts(count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    pairs = ENGINES[engine](posts)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([seconds, (peak - before) / 2**20, peak / 2**20, sorted(pairs)]))


def main() -> None:
    """Run the engines one after another and compare what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--only", choices=ENGINES)
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        measure(arguments.engine, arguments.posts)
        return
    truth: Pairs | None = None
    for engine in [arguments.only] if arguments.only else ["all pairs", "ours", "minhash"]:
        command = [sys.executable, __file__, "--posts", str(arguments.posts), "--engine", engine]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, own, peak, found = json.loads(out)
        pairs = {tuple(pair) for pair in found}
        truth = pairs if truth is None else truth
        print(
            f"{engine:<10} {arguments.posts:>9,} posts {seconds:8.1f} s  "
            f"{own:5.2f} GiB for the join, {peak:5.2f} GiB in all  {len(pairs):,} pairs, "
            f"{len(truth - pairs):,} missed, {len(pairs - truth):,} wrong"
        )


if __name__ == "__main__":
    main()
