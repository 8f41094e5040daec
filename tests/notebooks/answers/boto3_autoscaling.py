"""Answers to the exercises of boto3_autoscaling: other right ones, and the classic wrong ones with their hints."""

DESIGN = """
def design(hour):
    tracking = {{"PredefinedMetricSpecification": {{"PredefinedMetricType": "{metric}"}}, "TargetValue": {target}}}
    policies = [{{"PolicyName": "p", "PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": tracking}}]
    before = {{"ScheduledActionName": "b", "Recurrence": "30 " + str({at}) + " * * *", "{size}": {number}}}
    after = {{"ScheduledActionName": "a", "Recurrence": "30 " + str(hour + 1) + " * * *", "MinSize": 2}}
    return {{"policies": policies[:{policies}], "actions": [before, after][:{actions}]}}
"""
CPU, REQUESTS = "ASGAverageCPUUtilization", "ALBRequestCountPerTarget"


def plan(metric=CPU, target=50, at="hour - 1", size="MinSize", number=16, policies=1, actions=2) -> str:
    return DESIGN.format(
        metric=metric, target=target, at=at, size=size, number=number, policies=policies, actions=actions
    )


TAGGED = """
def groups_tagged(client, key, value):
    found, token = [], {{}}
    while token is not None:
        page = client.describe_auto_scaling_groups(**token)
        for group in page["AutoScalingGroups"]:
            tags = group.get("Tags", [])
            if {test}:
                found.append(group["AutoScalingGroupName"])
        token = {{"NextToken": page["NextToken"]}} if {more} else None
    return {result}
"""
SAME = '{"Key": key, "Value": value} in [{"Key": t["Key"], "Value": t["Value"]} for t in tags]'


def tagged(test=SAME, more='"NextToken" in page', result="sorted(found)") -> str:
    return TAGGED.format(test=test, more=more, result=result)


RIGHT = {
    "boto3_autoscaling-1": [
        "def desired(current, value, target, least, most):\n    return int(np.clip(np.ceil(current * (value / target)), least, most))\n",
        "def desired(current, value, target, least, most):\n    return min(most, max(least, -int(-current * value // target)))\n",
    ],
    "boto3_autoscaling-2": [tagged()],
    "boto3_autoscaling-3": [plan(metric=REQUESTS, target=3000), plan(target=60, number=17)],
}

WRONG = {
    "boto3_autoscaling-1": [
        (
            "rounds to the nearest",
            "def desired(current, value, target, least, most):\n    return min(most, max(least, round(current * value / target)))\n",
            "so seven",
        ),
        (
            "no upper bound",
            "def desired(current, value, target, least, most):\n    return max(least, math.ceil(current * value / target))\n",
            "Never above the maximum",
        ),
        (
            "rounds up what it removes",
            "def desired(current, value, target, least, most):\n    change = current * value / target - current\n    whole = math.ceil(change) if change > 0 else math.floor(change)\n    return min(most, max(least, current + whole))\n",
            "Removing 1.5 instances removes one",
        ),
        (
            "no lower bound",
            "def desired(current, value, target, least, most):\n    return min(most, math.ceil(current * value / target))\n",
            "Never below the minimum",
        ),
    ],
    "boto3_autoscaling-2": [
        ("the first page", tagged(more="False"), "follow the pages"),
        ("not sorted", tagged(result="found"), "and sort"),
        (
            "key and value of different tags",
            tagged(test='key in [t["Key"] for t in tags] and value in [t["Value"] for t in tags]'),
            "value web under another key",
        ),
        ("any tag with this value", tagged(test='value in [t["Value"] for t in tags]'), "value web under another key"),
    ],
    "boto3_autoscaling-3": [
        ("only reacts", plan(actions=0), "comes too late"),
        ("fifteen all day", plan(at="0", number=15, policies=0, actions=1), "quiet hours"),
        ("a wish instead of a minimum", plan(size="DesiredCapacity"), "broken minutes"),
        ("always at 18", plan(at="17"), "Does the schedule follow the hour"),
        ("never shrinks again", plan(target=40, at="0", number=10, actions=1), "instance-hours"),
    ],
}
