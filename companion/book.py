"""The book's table of contents: the one list that navigation, tests and ``companion list`` are made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from companion import checkout
from companion.chapter import Chapter as Chapter

UNITS = {
    "00-start-here": "Start here",
    "01-distributed-computing": "Distributed computing",
    "02-parallel-processing": "Parallel processing",
    "03-adaptive-learning": "Adaptive learning",
    "04-containerization": "Containers",
    "05-auto-scaling": "Auto-scaling",
    "06-edge-computing": "Edge computing",
    "07-federated-learning": "Federated learning",
    "08-monitoring": "Monitoring",
    "09-data-management": "Data management",
    "10-microservices": "Microservices",
    "11-devops": "DevOps",
    "12-privacy-and-strategy": "Privacy and strategy",
}


BOOK = (
    Chapter(
        "00-start-here",
        "start_here",
        "Start here",
        "What scalable means, the map of the book, and what runs on this machine.",
        "-",
        engines=("redis",),
    ),
    Chapter(
        "01-distributed-computing",
        "dask_audio",
        "Audio features on a Dask cluster",
        "Turn hundreds of recordings into features on worker processes, kill one, and get the same bits.",
        "Dask",
        engines=("dask",),
    ),
    Chapter(
        "01-distributed-computing",
        "spark_recommendations",
        "Recommendations on Apache Spark",
        "Learn taste from clicks, find out what a fine RMSE is worth, cure a skewed join and lose an executor.",
        "Spark",
        engines=("spark",),
    ),
    Chapter(
        "01-distributed-computing",
        "case_ska_telescope",
        "The SKA telescope: a pulsar in a sealed envelope",
        "Search a night of a radio telescope blindly on a cluster, see and hear a star rise out of the noise, and open the envelope.",
        "Dask",
        prerequisites=("dask_audio",),
        engines=("dask",),
    ),
    Chapter(
        "01-distributed-computing",
        "case_google_bert",
        "Google BERT: one gradient from two workers",
        "Prove that two workers compute the gradient of one, train a small BERT on them, and kill one in the middle.",
        "TensorFlow",
    ),
    Chapter(
        "02-parallel-processing",
        "multiprocessing_images",
        "Image recognition on every core",
        "Share tens of thousands of image patches between processes without copying them.",
        "multiprocessing",
    ),
    Chapter(
        "02-parallel-processing",
        "multiprocessing_text",
        "A hundred megabytes of words",
        "Count and weigh text with two processes and little memory, and come through bad documents and killed workers.",
        "multiprocessing",
        prerequisites=("multiprocessing_images",),
    ),
    Chapter(
        "02-parallel-processing",
        "case_chevron_seismic",
        "Chevron: a seismic image, shot by shot",
        "Image the ground from eight shots on worker processes, and know to the metre and to the bit how far to trust it.",
        "multiprocessing",
        prerequisites=("multiprocessing_images",),
    ),
    Chapter(
        "02-parallel-processing",
        "case_facebook_prophet",
        "Facebook Prophet: many series, few analysts",
        "Forecast hundreds of series in parallel, ask if last year was as good, and find the few that need a human.",
        "Prophet",
        prerequisites=("multiprocessing_images",),
    ),
    Chapter(
        "03-adaptive-learning",
        "sklearn_fraud",
        "Fraud detection that adapts",
        "Learn from labels that come a week late, refuse a poisoned file, and survive a kill with every payment scored once.",
        "scikit-learn, river",
    ),
    Chapter(
        "03-adaptive-learning",
        "case_netflix",
        "Netflix: which picture, judged from yesterday's log",
        "Judge a new policy from another's log with intervals that are checked on 400 logs, and tell when not to trust them.",
        "scikit-learn, river",
        prerequisites=("sklearn_fraud",),
    ),
    Chapter(
        "03-adaptive-learning",
        "case_voice_assistants",
        "Voice assistants: learn one speaker, forget nobody",
        "Adapt a recogniser to one speaker on the speaker's own device, and measure who gains, who pays, and what leaves the phone.",
        "NumPy, scikit-learn",
        prerequisites=("sklearn_fraud",),
    ),
    Chapter(
        "04-containerization",
        "docker_model",
        "A model in a box that you can check",
        "Store a model without pickle, build its image, and prove that it answers the same, bit for bit.",
        "Docker",
    ),
    Chapter(
        "04-containerization",
        "docker_nlp",
        "A text service in a container, and how it dies",
        "Serve a language detector with limits and probes, then kill it in five ways: which does the engine notice?",
        "Docker",
        prerequisites=("docker_model",),
    ),
    Chapter(
        "04-containerization",
        "case_shopify",
        "Shopify: two thousand shops, one pool",
        "Serve the models of two thousand shops from three replicas, and prove that a shop notices nothing of the others.",
        "Docker",
        prerequisites=("docker_model", "docker_nlp"),
    ),
    Chapter(
        "05-auto-scaling",
        "cloudformation_autoscaling",
        "An auto-scaling group from a template",
        "Check a template, deploy it, roll a broken update back, and put it in charge of a day of traffic.",
        "CloudFormation",
        engines=("aws",),
    ),
    Chapter(
        "05-auto-scaling",
        "boto3_autoscaling",
        "Auto-scaling in code, and what it does all day",
        "Build a group that can be built twice, then find the policy that keeps its promise for the least money.",
        "Boto3",
        prerequisites=("cloudformation_autoscaling",),
        engines=("aws",),
    ),
    Chapter(
        "05-auto-scaling",
        "kubernetes_hpa",
        "A service that scales itself on Kubernetes",
        "Run the autoscaler's own rules through a day of traffic, make it flap, and cure it with the manifest.",
        "Kubernetes HPA",
    ),
    Chapter(
        "05-auto-scaling",
        "case_fortnite",
        "Fortnite: a crowd that comes all at once",
        "Judge six ways of sizing on evenings with a concert, find the crowd that reacting can't meet, and cure three failures that servers don't.",
        "Target tracking, HPA",
        prerequisites=("boto3_autoscaling", "kubernetes_hpa"),
    ),
    Chapter(
        "06-edge-computing",
        "tflite_smart_home",
        "A smart home that thinks at home",
        "Shrink a model to 8-bit integers, run it beside the sensors, and cut the cloud.",
        "TensorFlow Lite",
        engines=("litert",),
    ),
    Chapter(
        "06-edge-computing",
        "tflite_images",
        "A camera that reads for itself",
        "Make an image network ten times lighter on the way to its camera, and keep the camera inside its deadline.",
        "TensorFlow Lite",
        prerequisites=("tflite_smart_home",),
        engines=("litert",),
    ),
    Chapter(
        "06-edge-computing",
        "tflite_update",
        "A camera that survives its updates",
        "Deeper: sign an update, cut the power at every step of three installers, and close the holes of the one that looked right.",
        "TensorFlow Lite",
        prerequisites=("tflite_images",),
        engines=("litert",),
    ),
    Chapter(
        "06-edge-computing",
        "case_philips",
        "Philips: a ward at the edge",
        "Test a score on every cut, choose an alarm by what it misses on wards it has not seen, and kill its program while it rings.",
        "SciPy, SQLite",
        prerequisites=("tflite_smart_home",),
    ),
    Chapter(
        "06-edge-computing",
        "case_barcelona",
        "Barcelona: a street lit where somebody walks",
        "Check a city's figures against the sun, divide the savings fairly between lamps, clock and sensors, and kill the gateway without a dark minute.",
        "NumPy, UDP",
        prerequisites=("tflite_smart_home",),
    ),
    Chapter(
        "06-edge-computing",
        "case_tesla",
        "Tesla: which frames should a car send home?",
        "Let triggers choose a fleet's uploads, weigh out what they hide, and roll a new network out behind a gate and a brake.",
        "TensorFlow Lite",
        prerequisites=("tflite_images",),
        engines=("litert",),
    ),
    Chapter(
        "07-federated-learning",
        "pysyft_healthcare",
        "A hospital answers without showing its data",
        "Submit, review and run a job on private records, then try to break out of it.",
        "PySyft",
        engines=("pysyft",),
    ),
    Chapter(
        "07-federated-learning",
        "pysyft_hospitals",
        "Five hospitals, one model",
        "Average what five hospitals learn, survive the one that lies, stop the job that spies, and hide updates behind masks.",
        "PySyft",
        prerequisites=("pysyft_healthcare",),
        engines=("pysyft",),
    ),
    Chapter(
        "07-federated-learning",
        "pysyft_privacy",
        "What an update tells about one patient",
        "Find out from nine numbers who was a patient, audit the noise that should hide it, and add noise and masks in jobs.",
        "PySyft",
        prerequisites=("pysyft_hospitals",),
        engines=("pysyft",),
    ),
    Chapter(
        "07-federated-learning",
        "case_mastercard",
        "Mastercard: banks that learn together",
        "Let banks catch frauds that only others have met, read one customer out of an update, and price the rules against liars.",
        "PySyft",
        prerequisites=("pysyft_hospitals",),
        engines=("pysyft",),
    ),
    Chapter(
        "08-monitoring",
        "prometheus_metrics",
        "Meters that tell the truth",
        "Meter a model service, know how far a quantile can be off, and see drift that no status code shows.",
        "Prometheus",
        prerequisites=("docker_model",),
    ),
    Chapter(
        "08-monitoring",
        "prometheus_alerts",
        "Woken for the right reason",
        "Page a human for the incident and not for the hiccup, replay a bad day, and turn one bad release into one page.",
        "Prometheus",
        prerequisites=("prometheus_metrics",),
    ),
    Chapter(
        "09-data-management",
        "sql_partitioning",
        "Five million readings, one table too many",
        "Partition a big PostgreSQL table, read in the plan what was left out, and drop a month in milliseconds.",
        "PostgreSQL",
        engines=("postgres",),
    ),
    Chapter(
        "09-data-management",
        "redis_caching",
        "A cache that may lie, and how to keep it honest",
        "Put Redis before a recommender, tame stampedes and stale sets, and kill it under load: slower, never wrong.",
        "Redis",
        engines=("redis",),
    ),
    Chapter(
        "09-data-management",
        "redis_memory",
        "How big, which policy, what survives",
        "Deeper: decide what a cache holds, when it is renewed and how much memory it gets, each by a measurement beside its law.",
        "Redis",
        prerequisites=("redis_caching",),
        engines=("redis",),
    ),
    Chapter(
        "10-microservices",
        "flask_service",
        "Three services: contracts, and careful callers",
        "Split a recommender into services with sessions and contracts, and call each so that its trouble stays its own.",
        "Flask, PostgreSQL, Redis",
        engines=("postgres", "redis"),
    ),
    Chapter(
        "10-microservices",
        "flask_resilience",
        "Three services: measure them, break them",
        "Deeper: find the laws in their latencies, kill, freeze and lock them, and run three attacks that worked.",
        "Flask, PostgreSQL, Redis",
        prerequisites=("flask_service",),
        engines=("postgres", "redis"),
    ),
    Chapter(
        "11-devops",
        "jenkins_pipeline",
        "A pipeline that can go back",
        "Check a Jenkins pipeline without Jenkins, run its stages here, and take a bad release back out of production under load.",
        "Jenkins",
    ),
    Chapter(
        "11-devops",
        "case_uber_michelangelo",
        "Uber Michelangelo: a feature store that tells the truth about time",
        "Build a feature store whose training data promise exactly what is delivered, and see why the usual join does not.",
        "Redis, PostgreSQL",
        engines=("redis", "postgres"),
        prerequisites=("redis_caching", "docker_model"),
    ),
    Chapter(
        "12-privacy-and-strategy",
        "encryption_access_control",
        "Records that a thief can't read",
        "Seal patients' records, decide twice who sees which, and rehearse thirteen thefts to learn what leaks.",
        "PostgreSQL, cryptography",
        engines=("postgres",),
    ),
    Chapter(
        "12-privacy-and-strategy",
        "scaling_strategy",
        "Scaling strategy: what pays, and from which size",
        "Run one job on five engines with the same answer, find the size from which each pays, and turn measurements into advice.",
        "Dask, Apache Spark, Docker",
        prerequisites=("multiprocessing_images", "dask_audio", "spark_recommendations", "docker_model"),
        engines=("dask", "spark"),
    ),
)


def chapter(name: str) -> Chapter:
    """The chapter with this name; KeyError names the ones there are."""
    for entry in BOOK:
        if entry.name == name:
            return entry
    raise KeyError(f"no notebook {name!r}; the book has: {', '.join(entry.name for entry in BOOK)}")


def folder() -> Path | None:
    """The checkout's ``notebooks/``, or None when the package is installed without it."""
    root = checkout.root()
    return root / "notebooks" if root else None


def run_time(entry: Chapter) -> str:
    """How long the notebook took when its outputs were made (``make notebooks`` notes it), or ``-``."""
    seconds = noted(entry).get("seconds")
    return f"{seconds} s" if seconds else "-"


def noted(entry: Chapter) -> dict[str, Any]:
    """What ``make notebooks`` has noted of the run that the notebook's outputs are of; nothing where there is no notebook."""
    notebooks = folder()
    path = notebooks / entry.file if notebooks else None
    if path is None or not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("companion", {})
    return found
