"""YAML as Kubernetes and CloudFormation read it: what looks like a date stays the text that it is."""

from __future__ import annotations

import yaml


class Loader(yaml.SafeLoader):
    """The safe loader without time stamps: ``2010-09-09`` is a version or a label, not a date."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
