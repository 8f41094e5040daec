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
""",
        "from itertools import islice\ndef first_unseen(recommended, seen, k):\n    return list(islice((p for p in recommended if p not in seen), k))\n",
        "def first_unseen(recommended, seen, k):\n    return list(filter(lambda p: p not in seen, recommended))[0:k]\n",
        """
def first_unseen(recommended, seen, k):
    if not recommended or k == 0:
        return []
    head, *tail = recommended
    return first_unseen(tail, seen, k) if head in seen else [head] + first_unseen(tail, seen, k - 1)
""",
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
        # a filter of the sorted array by each customer's set
        """
import pyspark.sql.functions as f
def best_sellers_for_all(events, k):
    counted = events.groupBy("product").agg(f.count_distinct("customer").alias("n"))
    best = counted.agg(f.sort_array(f.collect_list(f.struct("n", (-f.col("product")).alias("p"))), asc=False).alias("best"))
    own = events.groupBy("customer").agg(f.collect_set("product").alias("own")).join(f.broadcast(best))
    new = f.filter(f.transform("best", lambda b: (-b["p"]).cast("int")), lambda p: ~f.array_contains("own", p))
    return own.select("customer", f.slice(new, 1, k).alias("products"))
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
""",
        # half a step for one row, without solve
        """
def recommend(history, item_factors, popularity, k=10):
    score = np.asarray(popularity, float)
    if history:
        known, often = list(history), np.array(list(history.values()), float)
        theirs = item_factors[known]
        left = item_factors.T @ item_factors + (theirs.T * often) @ theirs + 0.1 * len(known) * np.eye(item_factors.shape[1])
        score = item_factors @ np.linalg.solve(left, theirs.T @ (1 + often))
    order = sorted((p for p in range(len(score)) if p not in history), key=lambda p: (-score[p], p))
    return order[:k]
""",
        # the sum of the factors of what was clicked
        """
def recommend(history, item_factors, popularity, k=10):
    score = sum(item_factors @ item_factors[p] for p in history) if history else popularity.astype(float)
    score = np.array(score, dtype=float)
    score[list(history)] = -np.inf
    return np.argsort(-score, kind="stable")[: min(k, len(score) - len(history))].tolist()
""",
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
        (
            "empties the list that it was given",
            "def first_unseen(recommended, seen, k):\n    for p in list(recommended):\n        if p in seen:\n            recommended.remove(p)\n    return recommended[:k]\n",
            "Both arguments stay as they are",
        ),
        (
            "counts on k being left",
            "def first_unseen(recommended, seen, k):\n    fresh = iter([p for p in recommended if p not in seen])\n    try:\n        return [next(fresh) for _ in range(k)]\n    except (StopIteration, RuntimeError):\n        return []\n",
            "Fewer than k are left",
        ),
        (
            "product 0 is taken for nothing",
            "def first_unseen(recommended, seen, k):\n    return [p for p in recommended if p and p not in seen][:k]\n",
            "may have the number 0",
        ),
        (
            "the public examples",
            "def first_unseen(recommended, seen, k):\n    return [5, 9] if seen else recommended[:k]\n",
            "gets an empty list",
        ),
    ],
    "spark_recommendations-2": [
        (
            "counts events, not customers",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product")
    best = pairs.groupBy("product").count().agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.slice(F.array_except("best", "own"), 1, k).alias("products"))
""",
            "three events of one customer count once",
        ),
        (
            "cuts before it filters",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    best = pairs.groupBy("product").count().orderBy(F.desc("count"), "product").limit(k).agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.array_except("best", "own").alias("products"))
""",
            "Customer 1 has 10 and 11",
        ),
        (
            "the same list for everybody",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    best = pairs.groupBy("product").count().agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.slice("best", 1, k).alias("products"))
""",
            "Customer 1 has 10 and 11",
        ),
        (
            "collects the ranking to the driver",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    counted = pairs.groupBy("product").count().orderBy(F.desc("count"), "product")
    popular = [row["product"] for row in counted.collect()]
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.select("customer", F.slice(F.array_except(F.lit(popular), "own"), 1, k).alias("products"))
""",
            "ran a job of Spark by itself",
        ),
        (
            "everything in pandas",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").toPandas().drop_duplicates()
    best = sorted((-n, p) for p, n in pairs["product"].value_counts().items())
    rows = [(int(c), [int(p) for _, p in best if p not in set(own)][:k]) for c, own in pairs.groupby("customer")["product"]]
    return spark.createDataFrame(rows, "customer int, products array<int>")
""",
            "ran a job of Spark by itself",
        ),
        (
            "a row for each event",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    best = pairs.groupBy("product").count().agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    own = events.select("customer").join(own, "customer")
    return own.crossJoin(best).select("customer", F.slice(F.array_except("best", "own"), 1, k).alias("products"))
""",
            "One row for each customer",
        ),
        (
            "of equals the greater number",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    best = pairs.groupBy("product").count().agg(F.sort_array(F.collect_list(F.struct("count", "product")), asc=False)["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.slice(F.array_except("best", "own"), 1, k).alias("products"))
""",
            "the smaller number first",
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
        (
            "ten, whatever k is",
            "def recommend(history, item_factors, popularity, k=10):\n    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity\n    return [int(p) for p in np.argsort(-score, kind='stable') if p not in history][:10]\n",
            "Return k products|best-sellers",
        ),
        (
            "writes into the popularity",
            "def recommend(history, item_factors, popularity, k=10):\n    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity\n    order = [int(p) for p in np.argsort(-score, kind='stable') if p not in history][:k]\n    popularity[order] = 0\n    return order\n",
            "All arguments stay as they are|best-sellers",
        ),
        (
            "of equals the greater number",
            "def recommend(history, item_factors, popularity, k=10):\n    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity\n    return [int(p) for p in np.argsort(score, kind='stable')[::-1] if p not in history][:k]\n",
            "best-sellers",
        ),
    ],
}

#: mutants of the reference solution that mean the same as it does (see scripts/mutants.py)
EQUIVALENT = {
    "spark_recommendations-3": {
        "- row[0, product] = count / + row[-1, product] = count": "there is one row: the first is the last",
        "- score = item_factors @ solve(item_factors, row, 0.1, 1.0)[0] if history else popularity / + score = item_factors @ solve(item_factors, row, 0.1, 1.0)[-1] if history else popularity": "there is one row: the first is the last",
        "- row = np.zeros((1, len(item_factors))) / + row = np.zeros((2, len(item_factors)))": "the second row is empty, and only the first is read",
        "- score = item_factors @ solve(item_factors, row, 0.1, 1.0)[0] if history else popularity / + score = item_factors @ solve(item_factors, row, -0.9, 1.0)[0] if history else popularity": "how is up to the student: folded in with another λ or α, the list clears the measured bar as well",
        "- score = item_factors @ solve(item_factors, row, 0.1, 1.0)[0] if history else popularity / + score = item_factors @ solve(item_factors, row, 0.11, 1.0)[0] if history else popularity": "how is up to the student: folded in with another λ or α, the list clears the measured bar as well",
        "- score = item_factors @ solve(item_factors, row, 0.1, 1.0)[0] if history else popularity / + score = item_factors @ solve(item_factors, row, 1.1, 1.0)[0] if history else popularity": "how is up to the student: folded in with another λ or α, the list clears the measured bar as well",
        "- score = item_factors @ solve(item_factors, row, 0.1, 1.0)[0] if history else popularity / + score = item_factors @ solve(item_factors, row, 0.1, 0.0)[0] if history else popularity": "how is up to the student: folded in with another λ or α, the list clears the measured bar as well",
        "- score = item_factors @ solve(item_factors, row, 0.1, 1.0)[0] if history else popularity / + score = item_factors @ solve(item_factors, row, 0.1, 1.1)[0] if history else popularity": "how is up to the student: folded in with another λ or α, the list clears the measured bar as well",
        "- score = item_factors @ solve(item_factors, row, 0.1, 1.0)[0] if history else popularity / + score = item_factors @ solve(item_factors, row, 0.1, 2.0)[0] if history else popularity": "how is up to the student: folded in with another λ or α, the list clears the measured bar as well",
        '- return [int(p) for p in np.argsort(-score, kind="stable") if p not in history][:k] / + return [p for p in np.argsort(-score, kind="stable") if p not in history][:k]': "NumPy's whole numbers are the same products",
    },
}
