"""Answers to the exercises of spark_recommendations: other right ones, and the classic wrong ones with the hint they must get."""

RIGHT = {
    "spark_recommendations-1": [
        """
def first_unseen(recommended, seen, k):
    fresh = []
    for product in recommended:
        if len(fresh) == k:
            break
        if product not in set(seen):
            fresh.append(product)
    return tuple(fresh)
"""
    ],
    "spark_recommendations-2": [
        """
from pyspark.sql import Window
def best_sellers_for_all(events, k):
    pairs = events.dropDuplicates(["customer", "product"]).select("customer", "product")
    everybody = pairs.select("customer").distinct()
    counts = pairs.groupBy("product").agg(F.countDistinct("customer").alias("n"))
    open_pairs = everybody.crossJoin(counts).join(pairs, ["customer", "product"], "left_anti")
    place = F.row_number().over(Window.partitionBy("customer").orderBy(F.desc("n"), "product"))
    top = open_pairs.withColumn("place", place).where(F.col("place") <= k)
    lists = top.groupBy("customer").agg(F.sort_array(F.collect_list(F.struct("place", "product"))).alias("l"))
    lists = everybody.join(lists, "customer", "left")
    return lists.select(F.coalesce(F.col("l")["product"], F.array().cast("array<int>")).alias("products"), "customer")
""",
        """
def best_sellers_for_all(events, k):
    events.createOrReplaceTempView("events_of_an_answer")
    return spark.sql(f'''
        WITH pairs AS (SELECT DISTINCT customer, product FROM events_of_an_answer),
             counted AS (SELECT product, count(*) AS n FROM pairs GROUP BY product),
             ordered AS (SELECT transform(sort_array(collect_list(struct(-n, product))), x -> x.product) AS best FROM counted),
             own AS (SELECT customer, collect_list(product) AS mine FROM pairs GROUP BY customer)
        SELECT customer, slice(array_except(best, mine), 1, {k}) AS products FROM own CROSS JOIN ordered''')
""",
    ],
    "spark_recommendations-3": [
        # the most similar products, by cosine, to those that were clicked
        """
def recommend(history, item_factors, popularity, k=10):
    if not history:
        return np.argsort(-popularity, kind="stable")[:k]
    clicked = list(history)
    length = np.linalg.norm(item_factors, axis=1) + 1e-9
    score = item_factors @ (item_factors[clicked] / length[clicked, None] * np.array([[history[p]] for p in clicked])).sum(axis=0)
    return np.array([p for p in np.argsort(-score) if p not in history][:k])
"""
    ],
}

WRONG = {
    "spark_recommendations-1": [
        (
            "cut first, filter then",
            "def first_unseen(recommended, seen, k):\n    return [p for p in recommended[:k] if p not in seen]\n",
            "Drop what was seen first, then cut",
        ),
        (
            "a set has no order",
            "def first_unseen(recommended, seen, k):\n    return sorted(set(recommended) - set(seen))[:k]\n",
            "Drop what was seen first|Keep the order",
        ),
        (
            "nothing is filtered",
            "def first_unseen(recommended, seen, k):\n    return list(recommended)[:k]\n",
            "Drop what was seen first, then cut",
        ),
        (
            "fills up with what was seen",
            "def first_unseen(recommended, seen, k):\n    fresh = [p for p in recommended if p not in seen]\n    return (fresh + [p for p in recommended if p in seen])[:k]\n",
            "Who has seen everything gets an empty list",
        ),
    ],
    "spark_recommendations-2": [
        (
            "counts events, not customers",
            """
def best_sellers_for_all(events, k):
    popular = [r["product"] for r in events.groupBy("product").count().orderBy(F.desc("count"), "product").collect()]
    own = events.groupBy("customer").agg(F.collect_set("product").alias("own"))
    return own.select("customer", F.slice(F.array_except(F.lit(popular), "own"), 1, k).alias("products"))
""",
            "three events of one customer count once",
        ),
        (
            "cuts before it filters",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    popular = [r["product"] for r in pairs.groupBy("product").count().orderBy(F.desc("count"), "product").limit(k).collect()]
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.select("customer", F.array_except(F.lit(popular), "own").alias("products"))
""",
            "Customer 1 has 10 and 11",
        ),
        (
            "the same list for everybody",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    popular = [r["product"] for r in pairs.groupBy("product").count().orderBy(F.desc("count"), "product").collect()]
    return pairs.select("customer").distinct().select("customer", F.lit(popular[:k]).alias("products"))
""",
            "Customer 1 has 10 and 11",
        ),
        (
            "loses who has everything",
            """
from pyspark.sql import Window
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    counts = pairs.groupBy("product").count()
    left = pairs.select("customer").distinct().crossJoin(counts).join(pairs, ["customer", "product"], "left_anti")
    place = F.row_number().over(Window.partitionBy("customer").orderBy(F.desc("count"), "product"))
    top = left.withColumn("place", place).where(F.col("place") <= k)
    lists = top.groupBy("customer").agg(F.sort_array(F.collect_list(F.struct("place", "product"))).alias("l"))
    return lists.select("customer", F.col("l")["product"].alias("products"))
""",
            "still gets a row, with an empty list",
        ),
        (
            "other names",
            """
def best_sellers_for_all(events, k):
    return events.groupBy("customer").agg(F.collect_set("product").alias("recommended"))
""",
            "two columns customer and products",
        ),
    ],
    "spark_recommendations-3": [
        (
            "best-sellers for everybody",
            "def recommend(history, item_factors, popularity, k=10):\n    return [int(p) for p in np.argsort(-popularity, kind='stable') if p not in history][:k]\n",
            "at least 1.25 times",
        ),
        (
            "recommends what they have",
            "def recommend(history, item_factors, popularity, k=10):\n    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity\n    return np.argsort(-score, kind='stable')[:k].tolist()\n",
            "Leave out what is in the history",
        ),
        (
            "no answer for who has no history",
            "def recommend(history, item_factors, popularity, k=10):\n    score = item_factors @ sum((item_factors[p] for p in history), np.zeros(item_factors.shape[1]))\n    return [int(p) for p in np.argsort(-score, kind='stable') if p not in history][:k]\n",
            "Without a history best-sellers",
        ),
        (
            "worst first",
            "def recommend(history, item_factors, popularity, k=10):\n    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity\n    return [int(p) for p in np.argsort(score, kind='stable') if p not in history][:k]\n",
            "at least 1.25 times",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "spark_recommendations-3": {
        "- row[0, product] = count / + row[-1, product] = count": "there is one row: the first is the last",
        "- score = item_factors @ solve(item_factors, row, 0.1, 1.0)[0] if history else popularity / + score = item_factors @ solve(item_factors, row, 0.1, 1.0)[-1] if history else popularity": "there is one row: the first is the last",
    },
}
