"""In which order the tests run: what shares something stays on one worker, the longest first, the short ones fill the gaps."""

from __future__ import annotations

from functools import cache

import pytest

from companion import book
from companion.book import Chapter
from harness import chapters

#: (what a file of tests/notebooks checks of each notebook, its seconds as a share of the notebook's own, and at least)
_PER_NOTEBOOK = {
    "test_runs.py": ("run", 1.0, 10),
    "test_exercises.py": ("exercises", 0.4, 10),
    "test_grading.py": ("exercises", 0.4, 10),
    "test_nbgrader.py": ("nbgrader", 0.4, 25),
    "test_killed_kernel.py": ("drill", 0.8, 10),
}
#: modules that ask a Docker engine: of one group never two at a time, since they share ports, images, the names of places
_DOCKER = {
    "docker cluster": (
        "test_cluster.py",
        "test_cluster_failures.py",
        "test_deploy_containers.py",
        "test_docker_services.py",
        "test_recommender_shops.py",
    ),
    "docker": ("test_docker_engine.py", "test_pods.py", "test_book_image.py", "test_ranking_container.py"),
}
_DOCKER_GROUP = {module: group for group, modules in _DOCKER.items() for module in modules}
#: of a notebook's exercises: a whole round sees the set-up as a student's kernel does, before any wrong answer has been at it
_FIRST = "test_the_source_earns_every_automatic_point_and_a_blank_copy_none"
_LAST = "test_the_exercises_leave_nothing_behind"
#: seconds of whole modules on two quiet cores, where they are many; one that is not here is taken for short
_SECONDS: dict[str, float] = {
    "test_grading_round.py": 280,
    "test_spark_recommendations.py": 240,
    "test_new.py": 85,
    "test_pysyft_healthcare.py": 70,
    "test_guest.py": 120,
    "test_docker_engine.py": 145,
    "test_pods.py": 90,
    "test_cluster.py": 330,
    "test_cluster_failures.py": 200,
    "test_book_image.py": 150,
    "test_docker_services.py": 35,
    "test_deploy_containers.py": 50,
    "test_ranking_container.py": 20,
    "test_engines.py": 80,
    "test_prometheus.py": 60,
    "test_interface.py": 60,
    "test_mutants.py": 70,
    "test_processes.py": 60,
    "test_readme.py": 45,
    "test_sklearn_fraud.py": 45,
    "test_dask_audio.py": 185,
    "test_postgres.py": 45,
    "test_types.py": 105,
    "test_harness.py": 40,
    "test_machines.py": 40,
    "test_redis.py": 30,
    "test_tflite_smart_home.py": 30,
    "test_recommender_services.py": 30,
    "test_recommender_shops.py": 60,
    "test_lab.py": 27,
    "test_pysyft_attacks.py": 60,
    "test_multiprocessing_images.py": 35,
    "test_runner.py": 20,
    "test_multiprocessing_text.py": 15,
    "test_case_uber_michelangelo.py": 15,
    "test_bench.py": 15,
    "test_runs.py": 15,
    "test_verdicts.py": 12,
    "test_deploy.py": 75,
    "test_cloudformation.py": 10,
    "test_target_tracking.py": 10,
}
_SHORT = 5.0


@cache
def chapter_of(nodeid: str) -> Chapter | None:
    """The notebook that a test is about by its parameter: ``[dask_audio]`` or ``[dask_audio-2: blank]``."""
    _, bracket, parameter = nodeid.partition("[")
    names = [c for c in book.BOOK if parameter.startswith((f"{c.name}]", f"{c.name}-"))] if bracket else []
    return max(names, key=lambda c: len(c.name), default=None)


def _parts(nodeid: str) -> tuple[str, str]:
    path = nodeid.partition("::")[0]
    return path, path.rpartition("/")[2]


@cache
def group(nodeid: str) -> str:
    """Tests of one group run one after the other on one worker."""
    path, name = _parts(nodeid)
    chapter = chapter_of(nodeid)
    if chapter and name in _PER_NOTEBOOK:
        return f"{chapter.name} {_PER_NOTEBOOK[name][0]}"
    return _DOCKER_GROUP.get(name, path)


@cache
def weight(nodeid: str) -> float:
    """About how many seconds the group of this test takes."""
    _path, name = _parts(nodeid)
    chapter = chapter_of(nodeid)
    if chapter and name in _PER_NOTEBOOK:
        _, share, least = _PER_NOTEBOOK[name]
        return max(share * chapters.seconds(chapter), least)
    return sum(_SECONDS.get(n, _SHORT) for n in _DOCKER.get(group(nodeid), (name,)))


def sort(items: list[pytest.Item]) -> None:
    """A notebook's exercises together, the whole round first and the end at the end; all else stays where it is."""
    shared = [n for n, item in enumerate(items) if group(item.nodeid).endswith(" exercises")]
    first = {}
    for n in shared:
        first.setdefault(group(items[n].nodeid), len(first))

    def place(item: pytest.Item) -> tuple[int, int]:
        return first[group(item.nodeid)], (_LAST in item.nodeid) - (_FIRST in item.nodeid)

    moved = sorted((items[n] for n in shared), key=place)
    for n, item in zip(shared, moved, strict=True):
        items[n] = item


def scheduler(config: pytest.Config, log):
    """xdist's own scheduler by groups, with other groups, and the longest one next."""
    from xdist.scheduler import LoadScopeScheduling

    class LongestFirst(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

        def _assign_work_unit(self, node) -> None:
            longest = max(self.workqueue, key=lambda name: weight(next(iter(self.workqueue[name]))))
            self.workqueue.move_to_end(longest, last=False)
            super()._assign_work_unit(node)

    return LongestFirst(config, log)
