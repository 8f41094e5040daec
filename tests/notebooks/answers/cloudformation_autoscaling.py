"""Answers to the exercises of cloudformation_autoscaling: other right ones, and the classic wrong ones with their hints."""

REQUIRED = "def required(template):\n    {}\n"

MENDED = """
def repaired(text):
    for wrong, right in (
        ("!Ref LaunchTemplates", "!Ref LaunchTemplate"),
        ("PolicyType: TargetTracking\\n", "PolicyType: TargetTrackingScaling\\n"),
        ("Default: 1\\n", "Default: {most}\\n"),
        ("HttpTokens: optional", "HttpTokens: {tokens}"),
    ):
        text = text.replace(wrong, right)
    return text{last}
"""

BY_DICTIONARY = """
import json

def repaired(text):
    template = cloudformation.load(text)
    resources = template["Resources"]
    resources["Group"]["Properties"]["LaunchTemplate"]["LaunchTemplateId"] = {"Ref": "LaunchTemplate"}
    resources["HoldCpu"]["Properties"]["PolicyType"] = "TargetTrackingScaling"
    resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"] = "required"
    template["Parameters"]["MaxSize"]["Default"] = 12
    return json.dumps(template)
"""

BY_LINES = """
import re

def repaired(text):
    lines, section = [], ""
    for line in text.splitlines():
        if re.match(r"  \\w+:$", line):
            section = line.strip(" :")
        if section == "MaxSize" and "Default:" in line:
            line = line[: line.index("Default:")] + "Default: 20"
        line = re.sub(r"LaunchTemplates\\b", "LaunchTemplate", line)
        line = re.sub(r"TargetTracking$", "TargetTrackingScaling", line)
        lines.append(re.sub(r"(HttpTokens: )\\w+", r"\\1required", line))
    return "\\n".join(lines) + "\\n"
"""

BY_YAML = """
import yaml

def repaired(text):
    template = cloudformation.load(text)
    del template["Parameters"]["MaxSize"]["Default"]
    template["Parameters"]["MaxSize"]["Default"] = "9"
    data = template["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    data["MetadataOptions"] |= {"HttpTokens": "required"}
    template["Resources"]["HoldCpu"]["Properties"].update(PolicyType="TargetTrackingScaling")
    template["Resources"]["Group"]["Properties"]["LaunchTemplate"].update(LaunchTemplateId={"Ref": "LaunchTemplate"})
    return yaml.safe_dump(template)
"""


def mended(most=8, tokens="required", last="") -> str:
    return MENDED.format(most=most, tokens=tokens, last=last)


SCHEDULE = """
def with_schedule(template, times):
    {new}
    group = next(n for n, r in template["Resources"].items() if r["Type"].endswith("::AutoScalingGroup"))
    most = cloudformation.resolve(template["Resources"][group]["Properties"]["MaxSize"], template, {{}})
    {check}
    for n, (recurrence, minimum) in enumerate(times):
        {name}
        properties = {{"AutoScalingGroupName": {ref}, "Recurrence": recurrence, {size}: minimum{more}}}
        new["Resources"][name] = {{"Type": "AWS::AutoScaling::ScheduledAction", "Properties": properties}}
    return new
"""
COPY = "new = cloudformation.load(__import__('json').dumps(template))"
CHECK = "if any(m > int(most) for _, m in times): raise SettingError('above the maximum')"
NAME = "name = 'At' + __import__('uuid').uuid4().hex"
GROUP = '{"Ref": group}'


def schedule(new=COPY, check=CHECK, name=NAME, ref=GROUP, size='"MinSize"', more="") -> str:
    return SCHEDULE.format(new=new, check=check, name=name, ref=ref, size=size, more=more)


WITHOUT_A_COPY = """
def with_schedule(template, times):
    resources = template["Resources"]
    [group] = (n for n in resources if resources[n].get("Type") == "AWS::AutoScaling::AutoScalingGroup")
    limit = float(cloudformation.resolve(resources[group]["Properties"]["MaxSize"], template, {}))
    actions, letter = {}, "A"
    for recurrence, least in times:
        if least > limit:
            raise SettingError(f"MinSize {least}")
        while letter in resources or letter in actions:
            letter += "A"
        properties = {"AutoScalingGroupName": {"Fn::Sub": "${" + group + "}"}, "Recurrence": recurrence, "MinSize": str(least)}
        actions[letter] = {"Type": "AWS::AutoScaling::ScheduledAction", "Properties": properties}
    return {**template, "Resources": {**resources, **actions}}
"""

BY_RECURSION = """
def with_schedule(template, times):
    new = copy.deepcopy(template)
    if not times:
        return new
    (recurrence, minimum), *rest = times
    resources = new["Resources"]
    for name in resources:
        if resources[name]["Type"] == "AWS::AutoScaling::AutoScalingGroup":
            break
    if minimum > int(cloudformation.resolve(resources[name]["Properties"]["MaxSize"], template, {})):
        raise SettingError("too many")
    longest = max(resources, key=len)
    resources[longest + "X"] = {
        "Type": "AWS::AutoScaling::ScheduledAction",
        "Properties": dict(AutoScalingGroupName=dict(Ref=name), Recurrence=recurrence, MinSize=minimum),
    }
    return with_schedule(new, rest)
"""

BUILDER = """
import itertools
import json

class Builder:
    def __init__(self, template):
        self.new = json.loads(json.dumps(template))
        self.resources = self.new["Resources"]
        self.group = [k for k, v in self.resources.items() if v["Type"] == "AWS::AutoScaling::AutoScalingGroup"][0]

    @property
    def most(self):
        return int(cloudformation.resolve(self.resources[self.group]["Properties"]["MaxSize"], self.new, {}))

    def free(self):
        return next(f"Plan{n:03}" for n in itertools.count() if f"Plan{n:03}" not in self.resources)

    def add(self, when, least):
        properties = {"AutoScalingGroupName": {"Ref": self.group}, "Recurrence": when, "MinSize": least}
        self.resources[self.free()] = {"Type": "AWS::AutoScaling::ScheduledAction", "Properties": properties}

def with_schedule(template, times):
    b = Builder(template)
    if times and max(m for _, m in times) > b.most:
        raise SettingError("too many")
    for t in times:
        b.add(*t)
    return b.new
"""

#: the linter is asked after the actions are in
BY_FAULTS = """
import json

def with_schedule(template, times):
    new = copy.deepcopy(template)
    resources = new["Resources"]
    group = [n for n in resources if resources[n]["Type"].endswith("AutoScalingGroup")].pop()
    for i, (when, least) in enumerate(times):
        name = "Action" + str(i)
        while name in resources:
            name += "x"
        properties = dict(AutoScalingGroupName={"Ref": group}, Recurrence=when, MinSize=least)
        resources[name] = dict(Type="AWS::AutoScaling::ScheduledAction", Properties=properties)
    if any("MaxSize" in fault for fault in cloudformation.faults(json.dumps(new))):
        raise SettingError("above")
    return new
"""

#: works on the template that was given, and takes its additions back, except when it raises
BORROWS = """
def with_schedule(template, times):
    resources, names = template["Resources"], []
    group = next(n for n in resources if resources[n]["Type"] == "AWS::AutoScaling::AutoScalingGroup")
    most = int(cloudformation.resolve(resources[group]["Properties"]["MaxSize"], template, {}))
    for recurrence, minimum in times:
        if minimum > most:
            raise SettingError("above")
        names.append(next(f"S{i}" for i in range(999) if f"S{i}" not in resources))
        properties = {"AutoScalingGroupName": {"Ref": group}, "Recurrence": recurrence, "MinSize": minimum}
        resources[names[-1]] = {"Type": "AWS::AutoScaling::ScheduledAction", "Properties": properties}
    new = copy.deepcopy(template)
    for name in names:
        del resources[name]
    return new
"""

BY_REPAIRING_WHAT_IS_FOUND = """
def repaired(text):
    fixes = {"LaunchTemplates": "LaunchTemplate", "TargetTracking\\n": "TargetTrackingScaling\\n"}
    while cloudformation.faults(text):
        for bad, good in fixes.items():
            if bad in text:
                text = text.replace(bad, good, 1)
                break
        else:
            text = text.replace("Default: 1\\n", "Default: 40\\n", 1)
    return text.replace("HttpTokens: optional", "HttpTokens: required")
"""

RIGHT = {
    "cloudformation_autoscaling-1": [
        REQUIRED.format("every = template.get('Parameters') or {}\n    return tuple(sorted(n for n in every if every[n].get('Default') is None))"),
        REQUIRED.format("names = []\n    for name, parameter in template.get('Parameters', {}).items():\n        if not 'Default' in parameter.keys():\n            names.append(name)\n    names.sort()\n    return names"),
        REQUIRED.format("every = template['Parameters'] if 'Parameters' in template else {}\n    return sorted(set(every) - {n for n, p in every.items() if 'Default' in p})"),
        REQUIRED.format("yield from sorted(filter(lambda n: 'Default' not in template['Parameters'][n], template.get('Parameters', ())))"),
        "class Reader:\n    def __init__(self, template): self.all = template.get('Parameters', {})\n    def __iter__(self): return (n for n in sorted(self.all) if 'Default' not in self.all[n])\n"
        + REQUIRED.format("return list(Reader(template))"),
    ],
    "cloudformation_autoscaling-2": [mended(), BY_DICTIONARY, BY_LINES, BY_YAML, BY_REPAIRING_WHAT_IS_FOUND],
    "cloudformation_autoscaling-3": [schedule(), WITHOUT_A_COPY, BY_RECURSION, BUILDER, BY_FAULTS],
}  # fmt: skip

WRONG = {
    "cloudformation_autoscaling-1": [
        ("all of them", REQUIRED.format("return sorted(template['Parameters'])"), "Only Subnets has no Default"),
        (
            "an empty default is no default",
            REQUIRED.format("return sorted(n for n, p in template.get('Parameters', {}).items() if not p.get('Default'))"),
            "An empty text and 0 are defaults",
        ),
        (
            "no parameters, no answer",
            REQUIRED.format("return sorted(n for n, p in template['Parameters'].items() if 'Default' not in p) if 'Parameters' in template else None or ['?']"),
            "need not have parameters",
        ),
        (
            "these two templates",
            REQUIRED.format("every = template.get('Parameters', ())\n    return ['AlertEmail', 'Subnets', 'VpcId'] if 'VpcId' in every else ['Subnets'] if 'Subnets' in every else []"),
            "A number in a range|An empty text",
        ),
        (
            "as they stand in the file",
            REQUIRED.format("return [n for n, p in template.get('Parameters', {}).items() if 'Default' not in p]"),
            "sorted",
        ),
        (
            "those of AWS's own types",
            REQUIRED.format("return sorted(n for n, p in template.get('Parameters', {}).items() if 'EC2' in p['Type'] and 'SSM' not in p['Type'])"),
            "Three have no Default",
        ),
        (
            "uses the template up",
            REQUIRED.format("every = template.get('Parameters', {})\n    for name in [n for n in every if 'Default' in every[n]]:\n        every.pop(name)\n    return sorted(every)"),
            "only look at it",
        ),
        (
            "those with an allowed value are given",
            REQUIRED.format("return sorted(n for n, p in template.get('Parameters', {}).items() if not {'Default', 'AllowedValues'} & set(p))"),
            "Eight have no Default",
        ),
        ("a dictionary", REQUIRED.format("return {n: p for n, p in sorted(template.get('Parameters', {}).items()) if 'Default' not in p}"), "a list of names"),
        ("nothing when there are none", REQUIRED.format("try:\n        return sorted(n for n, p in template['Parameters'].items() if 'Default' not in p)\n    except KeyError:\n        return None"), "Return a list"),
        ("gives it the section", REQUIRED.format("return sorted(n for n, p in template.setdefault('Parameters', {}).items() if 'Default' not in p)"), "only look at it"),
        ("a range is taken for a default", REQUIRED.format("return sorted(n for n, p in template.get('Parameters', {}).items() if not {'Default', 'MinValue'} & set(p))"), "A number in a range"),
        ("remembers the last template", "kept = set()\n" + REQUIRED.format("kept.update(n for n, p in template.get('Parameters', {}).items() if 'Default' not in p)\n    return sorted(kept)"), "need not have parameters"),
    ],
    "cloudformation_autoscaling-2": [
        ("leaves the hole", mended(tokens="optional"), "old metadata service"),
        ("lowers the minimum instead", mended(most=1, last=".replace('Default: 2\\n', 'Default: 1\\n')"), "MinSize/Default: 2 became 1"),
        ("maximum at the minimum", mended(most=2), "no room to scale"),
        ("a maximum that is not allowed", mended(most=400), "Still a fault"),
        ("no maximum", mended(last=".replace('    Default: 8\\n', '')"), "no room to scale"),
        ("nothing", "def repaired(text):\n    return text\n", "Still a fault"),
        ("the sound template", "def repaired(text):\n    return minimal\n", "another template with these four faults"),
        ("a dictionary", "def repaired(text):\n    return cloudformation.load(minimal)\n", "Return the text"),
        ("opens the hop limit", mended(last=".replace('HopLimit: 1', 'HopLimit: 64')"), "HopLimit: 1 became 64"),
        ("turns off the monitoring", mended(last=".replace('Enabled: true', 'Enabled: false')"), "Monitoring/Enabled: True became False"),
        ("another machine", mended(last=".replace('Default: t3.small', 'Default: c7i.large')"), "InstanceType/Default: 't3.small' became"),
        ("the maximum in the group", mended(last=".replace('MaxSize: !Ref MaxSize', 'MaxSize: 8')"), "Still a fault: Parameters/MaxSize"),
        ("without the policy", mended(last=".replace(minimal[minimal.index('  HoldCpu:'):minimal.index('Outputs:')], '')"), "Still a fault: Parameters/TargetCpu"),
        ("no tokens at all", mended(last=".replace('          HttpTokens: required # IMDSv2 only\\n', '')"), "old metadata service"),
    ],
    "cloudformation_autoscaling-3": [
        ("in place", schedule(new="new = template"), "deep copy"),
        ("a shallow copy", schedule(new="new = dict(template)"), "deep copy"),
        ("a wish", schedule(size='"DesiredCapacity"'), "mere DesiredCapacity"),
        ("a wish besides", schedule(more=', "DesiredCapacity": minimum'), "no other size"),
        ("numbers its actions from 0", schedule(name="name = f'Schedule{n}'"), "name was taken"),
        ("a name of the hour", schedule(name="name = 'At' + ''.join(c for c in recurrence if c.isdigit())"), "name was taken|must not overwrite another"),
        ("counts the resources", schedule(name="name = 'At' + str(len(new['Resources']))"), "name was taken"),
        ("a name that is no name", schedule(name="name = 'at-' + str(n)"), "Not clean"),
        ("the minimal template's group", schedule(ref='{"Ref": "Group"}'), "the template's own group"),
        ("the group's logical name", schedule(ref="group"), "the template's own group"),
        ("no check", schedule(check="pass"), "more than MaxSize allows"),
        ("any error", schedule(check="if any(m > int(most) for _, m in times): raise ValueError('above')"), "a SettingError, not ValueError"),
        ("the maximum itself is refused", schedule(check="if any(m >= int(most) for _, m in times): raise SettingError('above')"), "exactly what MaxSize allows"),
        ("only the first is checked", schedule(check="if times and times[0][1] > int(most): raise SettingError('above')"), "more than MaxSize allows"),
        ("drops what does not fit", schedule(check="times = [(r, m) for r, m in times if m <= int(most)]"), "more than MaxSize allows"),
        ("only the resources", schedule() + "\n_whole = with_schedule\n\ndef with_schedule(template, times):\n    return {'Resources': _whole(template, times)['Resources']}\n", "Not clean|rest of the template"),
        ("counts on from call to call", "numbers = __import__('itertools').count()\n" + schedule(name="name = f'Schedule{next(numbers)}'"), "name was taken"),
        ("the same one when there is nothing to do", BUILDER.replace("    b = Builder", "    if not times:\n        return template\n    b = Builder"), "a new template, also when"),
        ("uses the list up", BUILDER.replace("for t in times:\n        b.add(*t)", "while times:\n        b.add(*times.pop(0))"), "list of times has changed"),
        ("another hour", schedule(more=", 'TimeZone': 'Asia/Tokyo'"), "nothing else"),
        ("over before it begins", schedule(more=", 'EndTime': '2020-01-01T00:00:00Z'"), "nothing else"),
        ("equal pairs once", BUILDER.replace("for t in times", "for t in dict.fromkeys(times)"), "equal ones"),
        ("the template is changed when it is refused", BORROWS, "although it was refused"),
        ("none is too few", BUILDER.replace("if times and max(m for _, m in times) > b.most", "if any(not 0 < m <= b.most for _, m in times)"), "None of .* is above"),
        ("without the description", BUILDER.replace("return b.new", "b.new.pop('Description', 0)\n    return b.new"), "rest of the template"),
    ],
}  # fmt: skip

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "cloudformation_autoscaling-3": {
        '- raise SettingError(f"{minimum} is above MaxSize, which is {most}") / + raise SettingError(f"~{minimum} is above MaxSize, which is {most}")': "the statement asks for the kind of error, not for its words",
        '- number = next(n for n in range(len(resources) + 1) if f"Schedule{n}" not in resources) / + number = next(n for n in range((len(resources) + 1) + 1) if f"Schedule{n}" not in resources)': "among one more number than there are resources, one is free: the search ends before the bound",
        '- number = next(n for n in range(len(resources) + 1) if f"Schedule{n}" not in resources) / + number = next(n for n in range(len(resources) + 2) if f"Schedule{n}" not in resources)': "among one more number than there are resources, one is free: the search ends before the bound",
    },
}
