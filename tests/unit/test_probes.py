"""What a kubelet makes of probes, without a kubelet: each rule of ``support/probes.py`` and ``support/pods.py`` on a small case."""

import copy

import pods
import pytest
from probes import Status

from companion.configs import manifests

GET = {"httpGet": {"path": "/", "port": 80}}


def status(**probes) -> Status:
    return Status({kind: GET | fields for kind, fields in probes.items()})


def test_a_container_without_probes_is_ready_when_it_runs():
    assert status().ready and status().turns == [True]


def test_a_readiness_probe_begins_as_failing_and_turns_after_its_thresholds():
    one = status(readinessProbe={"failureThreshold": 2, "successThreshold": 2})
    assert not one.ready
    seen = []
    for passed in (True, True, False, True, False, False, True, True):
        one.note("readinessProbe", passed)
        seen.append(one.ready)
    assert seen == [False, True, True, True, True, False, False, True]
    assert one.turns == [True, False, True] and one.killed_by is None


def test_a_liveness_probe_begins_as_passing_and_kills_after_so_many_in_a_row():
    one = status(livenessProbe={"failureThreshold": 3})
    for passed in (False, False, True, False, False):
        one.note("livenessProbe", passed)
    assert one.killed_by is None and one.worst("livenessProbe") == 2
    one.note("livenessProbe", False)
    assert one.killed_by == "livenessProbe" and not one.ready and not one.wants("livenessProbe")


def test_a_startup_probe_silences_the_others_until_it_has_passed_and_is_asked_no_more():
    one = status(startupProbe={}, readinessProbe={}, livenessProbe={"failureThreshold": 1})
    assert one.wants("startupProbe") and not one.wants("livenessProbe")
    one.note("livenessProbe", False)
    assert one.killed_by is None, "an answer that nobody wanted"
    one.note("startupProbe", False)
    one.note("startupProbe", True)
    assert not one.ready and not one.wants("startupProbe") and one.wants("readinessProbe")
    one.note("readinessProbe", True)
    assert one.ready


def test_a_boot_that_outlasts_the_startup_probe_or_a_liveness_probe_without_one_kills():
    """So did a Connect server end on a busy node: a Java that takes two minutes, five attempts every twenty seconds."""
    (connect,) = pods.template(manifests.render("spark"), "spark-connect")["containers"]

    def boots(container: dict, seconds: int) -> bool:
        one = Status(container)
        for now in range(seconds):
            for kind, probe in one.probes.items():
                if now % probe["periodSeconds"] == 0 and one.wants(kind):
                    one.note(kind, False)
        return one.killed_by is None

    assert boots(connect, 120)
    assert not boots({k: v for k, v in connect.items() if k != "startupProbe"}, 120)
    assert not boots(connect, 600), "one that never boots is started again"


# The manifest, read


def options(tmp_path, change) -> dict:
    objects = manifests.render("overlays/laptop")
    pod = copy.deepcopy(pods.template(objects, "cpu-burner"))
    change(pod)
    return pods.options(objects, pod, "10.0.0.9", "10.0.0.2", tmp_path)


def test_a_pod_is_started_as_its_manifest_says(tmp_path):
    given = options(tmp_path, lambda pod: None)
    assert given["entrypoint"] == ["python", "-u", "/app/service.py"] and given["command"] is None
    assert given["user"] == "10001:10001" and given["read_only"] and given["cap_drop"] == ["ALL"]
    assert given["nano_cpus"] == 10**8 and given["mem_limit"] == given["memswap_limit"] == 128 * 2**20
    assert given["security_opt"] == ["no-new-privileges"]
    assert given["environment"]["BOOT_SECONDS"] == "10" and "CPU_BURNER_PORT" not in given["environment"]
    assert given["environment"]["KUBERNETES_SERVICE_HOST"] == "10.0.0.2"
    (mounted,) = given["volumes"]
    assert "def work" in (tmp_path / "app" / "service.py").read_text() and mounted == str(tmp_path / "app")


def test_links_are_made_as_a_kubelet_makes_them(tmp_path):
    given = options(tmp_path, lambda pod: pod.pop("enableServiceLinks"))["environment"]
    assert given["CPU_BURNER_PORT"] == given["CPU_BURNER_PORT_80_TCP"] == "tcp://10.0.0.2:80"
    assert given["CPU_BURNER_SERVICE_PORT"] == given["CPU_BURNER_SERVICE_PORT_HTTP"] == "80"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda pod: pod["containers"][0].update(lifecycle={}), r"container: \['lifecycle'\]"),
        (lambda pod: pod.update(hostNetwork=True), r"pod: \['hostNetwork'\]"),
        (lambda pod: pod["securityContext"].update(fsGroup=1), r"security context: \['fsGroup'\]"),
        (lambda pod: pod["securityContext"].pop("runAsUser"), "refuses to start it as root"),
        (lambda pod: pod["containers"][0]["env"].append({"name": "A", "valueFrom": {"secretKeyRef": {}}}), "not known"),
    ],
)
def test_what_this_kubelet_does_not_know_it_refuses(tmp_path, change, why):
    with pytest.raises(AssertionError, match=why):
        options(tmp_path, change)


def test_every_workload_is_found_whatever_its_kind():
    spec = {"spec": {"containers": []}}
    cron = {"kind": "CronJob", "metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": {"template": spec}}}}
    pod = {"kind": "Pod", "metadata": {"name": "p"}, **spec}
    assert [name for name, _ in pods.templates([cron, pod, {"kind": "Service", "metadata": {"name": "s"}}])] == [
        "c",
        "p",
    ]


def test_a_manifest_that_nobody_starts_has_no_name_among_those_that_are_started():
    """What the rule in tests/engines/test_pods.py compares: where a pod is placed is no difference, a probe's number is one."""
    pod = pods.template(manifests.render("base"), "cpu-burner")
    other = pods.template(manifests.render("overlays/cluster"), "cpu-burner")
    assert pod != other and pods.seen(pod) == pods.seen(other)
    changed = copy.deepcopy(pod)
    changed["containers"][0]["livenessProbe"]["failureThreshold"] = 1
    assert pods.seen(changed) not in pods.everywhere()
    assert len(pods.everywhere()) == 8, "the service (two sizes), the load, Dask's two and Spark's three"
