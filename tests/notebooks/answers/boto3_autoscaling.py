"""Answers to the exercises of boto3_autoscaling: other right ones, and the classic wrong ones with their hints."""

DESIRED = "def desired(current, value, target, least, most):\n    {}\n"

DESIGN = """
def design(hour):
    tracking = {{"PredefinedMetricSpecification": {{"PredefinedMetricType": "{metric}"}}, "TargetValue": {target}}}
    policies = [{{"PolicyName": "p", "PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": tracking}}]
    before = {{"ScheduledActionName": "b", "Recurrence": "30 " + str({at}) + " * * *", "{size}": {number}{more}}}
    after = {{"ScheduledActionName": "a", "Recurrence": "{end} " + str(hour + 1) + " * * *", "MinSize": {night}}}
    return {{"policies": policies[:{policies}], "actions": [before, after][:{actions}]}}
"""
CPU, REQUESTS = "ASGAverageCPUUtilization", "ALBRequestCountPerTarget"


def plan(metric=CPU, target=50, at="hour - 1", size="MinSize", number=16, policies=1, actions=2, night=2, end="30", more="") -> str:  # fmt: skip
    return DESIGN.format(
        metric=metric, target=target, at=at, size=size, number=number, policies=policies, actions=actions, night=night, end=end, more=more
    )  # fmt: skip


STEPS = """
def design(hour):
    up = {"PolicyName": "up", "PolicyType": "StepScaling", "AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 2,
          "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 50}]}
    down = {"PolicyName": "down", "PolicyType": "StepScaling", "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"MetricIntervalUpperBound": 0, "ScalingAdjustment": -1}]}
    high = {"AlarmName": "high", "AlarmActions": ["up"], "MetricName": "CPUUtilization", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 65,
            "EvaluationPeriods": 1}
    low = {"AlarmName": "low", "AlarmActions": ["down"], "MetricName": "CPUUtilization", "ComparisonOperator": "LessThanThreshold", "Threshold": 35,
           "EvaluationPeriods": 5}
    actions = tuple({"ScheduledActionName": str(at), "Recurrence": f"0 {at} * * *", "MinSize": least}
                    for at, least in ((hour - 1, 17), (hour + 2, 2)))
    return {"policies": (up, down), "alarms": (high, low), "actions": actions}
"""

PAGES = """
def groups_tagged(client, key, value):
    pages = client.get_paginator("describe_auto_scaling_groups").paginate({filters})
    {rest}
"""
TAGGED = """
def groups_tagged(client, key, value):
    found, token = [], {{}}
    while token is not None:
        page = client.describe_auto_scaling_groups(**token{more_arguments})
        for group in page["AutoScalingGroups"]:
            tags = group.get("Tags", [])
            if {test}:
                found.append(group["AutoScalingGroupName"])
        token = {{"NextToken": page["NextToken"]}} if {more} else None
    return {result}
"""
SAME = '{"Key": key, "Value": value} in [{"Key": t["Key"], "Value": t["Value"]} for t in tags]'
SERVER_SIDE = 'Filters=[{"Name": "tag:" + key, "Values": [value]}]'
NAMES = 'return sorted(g["AutoScalingGroupName"] for page in pages for g in page["AutoScalingGroups"])'


def tagged(test=SAME, more='page.get("NextToken")', result="sorted(found)", more_arguments="") -> str:
    return TAGGED.format(test=test, more=more, result=result, more_arguments=more_arguments)


def paged(filters=SERVER_SIDE, rest=NAMES) -> str:
    return PAGES.format(filters=filters, rest=rest)


DESCRIBE_TAGS = """
def groups_tagged(client, key, value):
    filters = [{"Name": "key", "Values": [key]}, {"Name": "value", "Values": [value]}]
    pages = client.get_paginator("describe_tags").paginate(Filters=filters)
    return sorted({tag["ResourceId"] for page in pages for tag in page["Tags"]})
"""
RECURSION = """
def groups_tagged(client, key, value, **token):
    page = client.describe_auto_scaling_groups(MaxRecords=7, **token)
    mine = [g["AutoScalingGroupName"] for g in page["AutoScalingGroups"] for t in g["Tags"] if (t["Key"], t["Value"]) == (key, value)]
    if "NextToken" in page and page["NextToken"]:
        mine += groups_tagged(client, key, value, NextToken=page["NextToken"])
    return sorted(mine)
"""

RIGHT = {
    "boto3_autoscaling-1": [
        DESIRED.format("return int(np.clip(np.ceil(current * (value / target)), least, most))"),
        DESIRED.format("return min(most, max(least, -int(-current * value // target)))"),
        DESIRED.format("from fractions import Fraction\n    return sorted((least, math.ceil(current * Fraction(value) / Fraction(target)), most))[1]"),
        DESIRED.format("wanted = int(current * value / target)\n    if wanted < current * value / target:\n        wanted += 1\n    return least if wanted < least else most if wanted > most else wanted"),
        DESIRED.format("return next((n for n in range(least, most + 1) if n * target >= current * value), most)"),
        DESIRED.format("whole, rest = divmod(current * value, target)\n    return int(np.median([least, whole + (rest > 0), most]))"),
    ],
    "boto3_autoscaling-2": [
        tagged(),
        paged(),
        paged(rest='return sorted(pages.search("AutoScalingGroups[].AutoScalingGroupName"))'),
        paged(filters="", rest='return sorted(pages.search(f"AutoScalingGroups[?Tags[?Key==\'{key}\' && Value==\'{value}\']].AutoScalingGroupName"))'),
        paged(rest='return tuple(sorted(g["AutoScalingGroupName"] for g in pages.build_full_result()["AutoScalingGroups"]))'),
        paged(filters=SERVER_SIDE + ', PaginationConfig={"PageSize": 10}'),
        DESCRIBE_TAGS,
        DESCRIBE_TAGS.replace("return sorted(", "yield from sorted("),
        RECURSION,
    ],
    "boto3_autoscaling-3": [plan(metric=REQUESTS, target=3000), plan(target=60, number=17), STEPS],
}  # fmt: skip

WRONG = {
    "boto3_autoscaling-1": [
        ("rounds to the nearest", DESIRED.format("return min(most, max(least, round(current * value / target)))"), "so seven"),
        ("no upper bound", DESIRED.format("return max(least, math.ceil(current * value / target))"), "Never above the maximum"),
        ("rounds up what it removes", DESIRED.format("change = current * value / target - current\n    whole = math.ceil(change) if change > 0 else math.floor(change)\n    return min(most, max(least, current + whole))"), "Removing 1.5 instances removes one"),
        ("no lower bound", DESIRED.format("return min(most, math.ceil(current * value / target))"), "Never below the minimum"),
        ("a fraction in the answer", DESIRED.format("return float(min(most, max(least, math.ceil(current * value / target))))"), "return an int"),
        ("never shrinks", DESIRED.format("return min(most, max(least, current, math.ceil(current * value / target)))"), "removes one|Removing 1.5"),
        ("one more to be safe", DESIRED.format("return min(most, max(least, int(current * value / target) + 1))"), "round up, within|maximum|none"),
        ("does nothing within ten per cent", DESIRED.format("if abs(value / target - 1) <= 0.1:\n        return current\n    return min(most, max(least, math.ceil(current * value / target)))"), "round up"),
        ("the examples", DESIRED.format("return {(80, 20): 7, (80, 5): 5, (37.5, 20): 5}.get((value, most), least)"), "Never below the minimum"),
        ("at least one", DESIRED.format("return min(most, max(least, 1, math.ceil(current * value / target)))"), "minimum of 0"),
        ("below the maximum", DESIRED.format("return min(most - 1, max(least, math.ceil(current * value / target)))"), "Never above the maximum|may be reached"),
        ("whole per cents", DESIRED.format("return min(most, max(least, math.ceil(current * int(value) / target)))"), "round up, within"),
        ("a whole target", DESIRED.format("return min(most, max(least, math.ceil(current * value / int(target))))"), "round up, within"),
        ("a small fraction is none", DESIRED.format("return min(most, max(least, math.ceil(round(current * value / target, 2))))"), "round up, within"),
        ("an empty group is one of one", DESIRED.format("return min(most, max(least, math.ceil((current or 1) * value / target)))"), "Nothing to multiply"),
    ],
    "boto3_autoscaling-2": [
        ("the first page", tagged(more="False"), "follow the pages"),
        ("two pages", tagged(more='page.get("NextToken") and len(found) < 20'), "follow the pages"),
        ("one call for a hundred", tagged(more="False", more_arguments=", MaxRecords=100"), "follow the pages"),
        ("not sorted", tagged(result="found"), "sorted"),
        ("backwards", tagged(result="sorted(found, reverse=True)"), "sorted"),
        ("twice", tagged(result="sorted(found * 2)"), "Each name once"),
        ("key and value of different tags", tagged(test='key in [t["Key"] for t in tags] and value in [t["Value"] for t in tags]'), "of the same tag"),
        ("any tag with this value", tagged(test='value in [t["Value"] for t in tags]'), "of the same tag"),
        ("two filters", paged(filters='Filters=[{"Name": "tag-key", "Values": [key]}, {"Name": "tag-value", "Values": [value]}]'), "of the same tag"),
        ("the beginning of the value", tagged(test='any(t["Key"] == key and t["Value"].startswith(value) for t in tags)'), "the whole of both"),
        ("without regard to case", tagged(test='any(t["Key"].lower() == key.lower() and t["Value"] == value for t in tags)'), "the whole of both"),
        ("the key alone", tagged(test='any(t["Key"] == key for t in tags)'), "of the same tag"),
        ("the session instead of the client", paged().replace("client.get", "session.client('autoscaling').get"), "ask the client that is given"),
        ("groups, not names", paged(rest='return [g for page in pages for g in page["AutoScalingGroups"]]'), "not whole groups"),
        ("the public team", tagged(test='any(t["Key"] == "Team" and t["Value"] == WEB for t in tags)'), "of the same tag"),
        ("nothing", "def groups_tagged(client, key, value):\n    pass\n", "Return the names"),
        ("a hundred at the most", paged(filters=SERVER_SIDE + ", PaginationConfig={'MaxItems': 100}"), "follow the pages"),
        ("four pages at the most", tagged(more='page.get("NextToken") and not token.get("n", 0)').replace("found, token = [], {}", "found, token, left = [], {}, [0] * 4").replace("while token is not None:", "while token is not None and left:\n        left.pop()"), "follow the pages"),
        ("tags of the first page", DESCRIBE_TAGS.replace("client.get_paginator(\"describe_tags\").paginate(Filters=filters)", "[client.describe_tags(Filters=filters, MaxRecords=100)]"), "follow the pages"),
        ("a short page is taken for the last", tagged(more='len(page["AutoScalingGroups"]) == 20 and page.get("NextToken")', more_arguments=", MaxRecords=20"), "follow the pages"),
        ("a page with none is taken for the last", tagged(more='[g for g in page["AutoScalingGroups"] if g["AutoScalingGroupName"] in found] and page.get("NextToken")'), "follow the pages"),
        ("a part of the value", tagged(test='any(t["Key"] == key and t["Value"] in value for t in tags)'), "the whole of both"),
        ("what the notebook knows", "def groups_tagged(client, key, value):\n    return sorted(n for n, t in teams.items() if t.get(key) == value)\n", "ask the client"),
    ],
    "boto3_autoscaling-3": [
        ("only reacts", plan(actions=0), "comes too late"),
        ("fifteen all day", plan(at="0", number=15, policies=0, actions=1), "quiet hours"),
        ("a target as text", plan(target="'50'"), "AWS would refuse"),
        ("a minimum as text", plan(number="'16'"), "AWS would refuse"),
        ("the hour of the first call", "first = []\n" + plan().replace("def design(hour):\n", "def design(hour):\n    first.append(hour)\n    hour = first[0]\n"), "Does the schedule follow"),
        ("a wish instead of a minimum", plan(size="DesiredCapacity"), "broken minutes"),
        ("always at 18", plan(at="17"), "Does the schedule follow the hour"),
        ("never shrinks again", plan(target=40, at="0", number=10, actions=1), "instance-hours"),
        ("at the hour itself, half past", plan(at="hour"), "broken minutes"),
        ("too few", plan(number=11), "broken minutes"),
        ("more than thirty", plan(number=31, more=', "MaxSize": 60'), "above 30"),
        ("words of its own", plan().replace("ScheduledActionName", "Name"), "AWS would refuse this in PutScheduledUpdateGroupAction"),
        ("a list", "def design(hour):\n    return []\n", "dictionary"),
        ("a fleet for the night", plan(night=16), "instance-hours"),
        ("no policy: the day breaks", plan(policies=0), "instance-hours"),
        ("gone before the event", plan(at="hour - 2").replace("hour + 1", "hour - 1"), "broken minutes"),
    ],
}  # fmt: skip

#: mutants of the reference solutions that mean the same as they do (see scripts/mutants.py)
EQUIVALENT = {
    "boto3_autoscaling-1": {
        "- return min(most, max(least, math.ceil(round(current * value / target, 9)))) / + return min(most, max(least, math.ceil(current * value / target)))": "rounding takes away the noise of floats, which the statement asks of nobody",
        "- return min(most, max(least, math.ceil(round(current * value / target, 9)))) / + return min(most, max(least, math.ceil(round(current * value / target, 10))))": "rounding takes away the noise of floats, which the statement asks of nobody",
        "- return min(most, max(least, math.ceil(round(current * value / target, 9)))) / + return min(most, max(least, math.ceil(round(current * value / target, 8))))": "rounding takes away the noise of floats, which the statement asks of nobody",
    },
    "boto3_autoscaling-3": {
        '- metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 50} / + metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 49}': "another design that keeps the promise: the statement bounds what comes out, not how",
        '- metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 50} / + metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 51}': "another design that keeps the promise: the statement bounds what comes out, not how",
        '- policy = {"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": metric} / + policy = {"PolicyName": "~cpu", "PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": metric}': "any name will do",
        '- before = {"ScheduledActionName": "before", "Recurrence": f"40 {hour - 1} * * *", "MinSize": 16} / + before = {"ScheduledActionName": "~before", "Recurrence": f"40 {hour - 1} * * *", "MinSize": 16}': "any name will do",
        '- before = {"ScheduledActionName": "before", "Recurrence": f"40 {hour - 1} * * *", "MinSize": 16} / + before = {"ScheduledActionName": "before", "Recurrence": f"40 {hour - 2} * * *", "MinSize": 16}': "another design that keeps the promise: the statement bounds what comes out, not how",
        '- before = {"ScheduledActionName": "before", "Recurrence": f"40 {hour - 1} * * *", "MinSize": 16} / + before = {"ScheduledActionName": "before", "Recurrence": f"40 {hour - 1} * * *", "MinSize": 15}': "another design that keeps the promise: the statement bounds what comes out, not how",
        '- before = {"ScheduledActionName": "before", "Recurrence": f"40 {hour - 1} * * *", "MinSize": 16} / + before = {"ScheduledActionName": "before", "Recurrence": f"40 {hour - 1} * * *", "MinSize": 17}': "another design that keeps the promise: the statement bounds what comes out, not how",
        '- after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 1} * * *", "MinSize": 2} / + after = {"ScheduledActionName": "~after", "Recurrence": f"0 {hour + 1} * * *", "MinSize": 2}': "any name will do",
        '- after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 1} * * *", "MinSize": 2} / + after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 0} * * *", "MinSize": 2}': "another design that keeps the promise: the statement bounds what comes out, not how",
        '- after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 1} * * *", "MinSize": 2} / + after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 2} * * *", "MinSize": 2}': "another design that keeps the promise: the statement bounds what comes out, not how",
        '- after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 1} * * *", "MinSize": 2} / + after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 1} * * *", "MinSize": 1}': "another design that keeps the promise: the statement bounds what comes out, not how",
        '- after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 1} * * *", "MinSize": 2} / + after = {"ScheduledActionName": "after", "Recurrence": f"0 {hour + 1} * * *", "MinSize": 3}': "another design that keeps the promise: the statement bounds what comes out, not how",
    },
}
