"""Answers to the exercises of cloudformation_autoscaling: other right ones, and the classic wrong ones with their hints."""

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

SCHEDULE = """
def with_schedule(template, times):
    {new}
    group = next(n for n, r in template["Resources"].items() if r["Type"].endswith("::AutoScalingGroup"))
    most = cloudformation.resolve(template["Resources"][group]["Properties"]["MaxSize"], template, {{}})
    {check}
    for n, (recurrence, minimum) in enumerate(times):
        {name}
        properties = {{"AutoScalingGroupName": {ref}, "Recurrence": recurrence, {size}: minimum}}
        new["Resources"][name] = {{"Type": "AWS::AutoScaling::ScheduledAction", "Properties": properties}}
    return new
"""
COPY = "new = cloudformation.load(__import__('json').dumps(template))"
CHECK = "if any(m > int(most) for _, m in times): raise SettingError('above the maximum')"
NAME = "name = 'At' + str(len(new['Resources'])) + 'Of' + str(n)"
GROUP = '{"Ref": group}'


def schedule(new=COPY, check=CHECK, name=NAME, ref=GROUP, size='"MinSize"') -> str:
    return SCHEDULE.format(new=new, check=check, name=name, ref=ref, size=size)


RIGHT = {
    "cloudformation_autoscaling-1": [
        "def required(template):\n    every = template.get('Parameters') or {}\n    return tuple(sorted(n for n in every if every[n].get('Default') is None))\n",
    ],
    "cloudformation_autoscaling-2": [
        MENDED.format(most=8, tokens="required", last=""),
        "def repaired(text):\n    return minimal\n",
    ],
    "cloudformation_autoscaling-3": [schedule()],
}

WRONG = {
    "cloudformation_autoscaling-1": [
        (
            "all of them",
            "def required(template):\n    return sorted(template['Parameters'])\n",
            "Only Subnets has no Default",
        ),
        (
            "an empty default is no default",
            "def required(template):\n    return sorted(n for n, p in template.get('Parameters', {}).items() if not p.get('Default'))\n",
            "an empty text and 0 are defaults|An empty text and 0 are defaults",
        ),
        (
            "no parameters, no answer",
            "def required(template):\n    return sorted(n for n, p in template['Parameters'].items() if 'Default' not in p) if 'Parameters' in template else None or ['?']\n",
            "need not have parameters",
        ),
    ],
    "cloudformation_autoscaling-2": [
        ("leaves the hole", MENDED.format(most=8, tokens="optional", last=""), "old metadata service"),
        (
            "lowers the minimum instead",
            MENDED.format(most=1, tokens="required", last=".replace('Default: 2\\n', 'Default: 1\\n')"),
            "the loss of a zone",
        ),
        ("maximum at the minimum", MENDED.format(most=2, tokens="required", last=""), "can't scale"),
        ("nothing", "def repaired(text):\n    return text\n", "Still a fault"),
    ],
    "cloudformation_autoscaling-3": [
        ("in place", schedule(new="new = template"), "deep copy"),
        ("a shallow copy", schedule(new="new = dict(template)"), "deep copy"),
        ("a wish", schedule(size='"DesiredCapacity"'), "mere DesiredCapacity"),
        ("numbers its actions from 0", schedule(name="name = f'Schedule{n}'"), "must not overwrite"),
        ("the minimal template's group", schedule(ref='{"Ref": "Group"}'), "the template's own group"),
        ("no check", schedule(check="pass"), "more than MaxSize allows"),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "cloudformation_autoscaling-3": {
        '- number = next(n for n in range(len(resources) + 1) if f"Schedule{n}" not in resources) / + number = next(n for n in range((len(resources) + 1) + 1) if f"Schedule{n}" not in resources)': "among one more number than there are resources, one is free: the search ends before the bound",
        '- number = next(n for n in range(len(resources) + 1) if f"Schedule{n}" not in resources) / + number = next(n for n in range(len(resources) + 2) if f"Schedule{n}" not in resources)': "among one more number than there are resources, one is free: the search ends before the bound",
    },
}
