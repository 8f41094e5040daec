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
    return fresh
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
        # a mask of NumPy
        """
def first_unseen(recommended, seen, k):
    items = np.array(recommended, dtype=int)
    return items[~np.isin(items, list(seen))][:k].tolist()
""",
        # no product comes twice: k + len(seen) places are enough
        """
def first_unseen(recommended, seen, k):
    return [p for p in recommended[: k + len(seen)] if p not in seen][:k]
""",
        # a class that iterates
        """
class Reader:
    def __init__(self, ranking, known):
        self.ranking, self.known = iter(ranking), frozenset(known)
    def __iter__(self):
        return self
    def __next__(self):
        product = next(self.ranking)
        while product in self.known:
            product = next(self.ranking)
        return product

def first_unseen(recommended, seen, k):
    reader, found = Reader(recommended, seen), []
    while len(found) < k:
        try:
            found.append(next(reader))
        except StopIteration:
            return found
    return found
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
        # a function of Python for each customer
        """
from pyspark.sql.types import ArrayType, IntegerType
def best_sellers_for_all(events, k):
    @F.udf(returnType=ArrayType(IntegerType()))
    def head(best, own):
        have = set(own)
        return [p for p in best if p not in have][:k]
    counts = events.groupBy("product").agg(F.countDistinct("customer").alias("n"))
    best = counts.agg(F.transform(F.array_sort(F.collect_list(F.struct(-F.col("n"), "product"))), lambda x: x["product"]).alias("best"))
    own = events.groupBy("customer").agg(F.collect_set("product").alias("own"))
    return own.crossJoin(best).select("customer", head("best", "own").alias("products"))
""",
        # pandas, on one group
        """
import pandas as pd
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    best = pairs.groupBy("product").count()
    everything = pairs.withColumn("one", F.lit(1))

    def lists(table):
        order = table.groupby("product")["customer"].nunique().reset_index().sort_values(["customer", "product"], ascending=[False, True])["product"].tolist()
        rows = [(c, [p for p in order if p not in set(own)][:k]) for c, own in table.groupby("customer")["product"]]
        return pd.DataFrame(rows, columns=["customer", "products"])

    return everything.groupBy("one").applyInPandas(lists, "customer int, products array<int>")
""",
        # an order of its own
        """
def best_sellers_for_all(events, k):
    sold = events.groupBy("product").agg(F.count_distinct("customer").alias("n"))
    order = lambda a, b: F.when(a["n"] != b["n"], F.when(a["n"] > b["n"], -1).otherwise(1)).otherwise(F.when(a["product"] < b["product"], -1).when(a["product"] > b["product"], 1).otherwise(0))
    ranking = sold.agg(F.array_sort(F.collect_list(F.struct("n", "product")), order).alias("ranking"))
    mine = events.groupBy("customer").agg(F.collect_set("product").alias("mine"))
    joined = mine.join(ranking, F.lit(True))
    return joined.withColumn("products", F.slice(F.array_except(F.col("ranking.product"), F.col("mine")), 1, k)).drop("mine", "ranking")
""",
        # RDDs
        """
def best_sellers_for_all(events, k):
    session = events.sparkSession
    pairs = events.select("customer", "product").rdd.map(tuple).distinct()
    ranking = pairs.map(lambda cp: (cp[1], 1)).reduceByKey(lambda a, b: a + b).map(lambda pn: (0, (-pn[1], pn[0])))
    ranking = ranking.groupByKey().mapValues(lambda rows: [p for _, p in sorted(rows)])
    own = pairs.groupByKey().map(lambda cp: (0, (cp[0], set(cp[1]))))
    lists = own.join(ranking).map(lambda row: (row[1][0][0], [p for p in row[1][1] if p not in row[1][0][1]][:k]))
    return session.createDataFrame(lists, "customer int, products array<int>")
""",
    ],
    "spark_recommendations-3": [
        # the most similar products, by cosine, to those that were clicked
        """
def recommend(history, item_factors, popularity, k=10):
    if not history:
        return np.argsort(-popularity, kind="stable")[:k].tolist()
    clicked = list(history)
    length = np.linalg.norm(item_factors, axis=1) + 1e-9
    score = item_factors @ (item_factors[clicked] / length[clicked, None] * np.array([[history[p]] for p in clicked])).sum(axis=0)
    return [p for p in np.argsort(-score) if p not in history][:k]
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
        # least squares over all products
        """
def recommend(history, item_factors, popularity, k=10):
    products = np.arange(len(item_factors))
    if not history:
        return sorted(products.tolist(), key=lambda p: (-popularity[p], p))[:k]
    seen = np.isin(products, list(history))
    weight = np.sqrt(1 + np.array([history.get(p, 0) for p in products.tolist()]))[:, None]
    left = np.vstack([item_factors * weight, 0.3 * np.eye(item_factors.shape[1])])
    right = np.concatenate([seen * weight[:, 0], np.zeros(item_factors.shape[1])])
    taste = np.linalg.lstsq(left, right, rcond=None)[0]
    score = item_factors @ taste
    return [p for p in (-score).argsort(kind="stable").tolist() if p not in history][:k]
""",
        # a heap over a generator
        """
import heapq
def recommend(history, item_factors, popularity, k=10):
    if history:
        mean = np.mean([item_factors[p] for p in history], axis=0)
        score = lambda p: float(item_factors[p] @ mean)
    else:
        score = lambda p: float(popularity[p])
    return heapq.nsmallest(k, (p for p in range(len(popularity)) if p not in history), key=lambda p: (-score(p), p))
""",
        # a table of pandas
        """
import pandas as pd
def recommend(history, item_factors, popularity, k=10):
    table = pd.DataFrame({"product": range(len(popularity)), "popularity": np.array(popularity)})
    unit = item_factors / np.maximum(np.linalg.norm(item_factors, axis=1, keepdims=True), 1e-12)
    table["like"] = sum((n * (unit @ unit[p]) for p, n in history.items()), np.zeros(len(unit)))
    table = table[~table["product"].isin(list(history))]
    columns = ["like", "popularity", "product"] if history else ["popularity", "product"]
    return table.sort_values(columns, ascending=[False] * (len(columns) - 1) + [True])["product"].head(k).tolist()
""",
        # steps along the gradient
        """
def recommend(history, item_factors, popularity, k=10):
    n = len(item_factors)
    if len(history) == 0:
        return np.lexsort((np.arange(n), -np.asarray(popularity))).tolist()[:k]
    target, weight = np.zeros(n), np.ones(n)
    for p, c in history.items():
        target[p], weight[p] = 1.0, 1.0 + c
    taste, step = np.zeros(item_factors.shape[1]), 1 / (np.linalg.norm(item_factors, 2) ** 2 * weight.max() + 1)
    for _ in range(300):
        taste = taste - step * (item_factors.T @ (weight * (item_factors @ taste - target)) + 0.1 * taste)
    score = item_factors @ taste
    return [int(p) for p in np.lexsort((np.arange(n), -score)) if p not in history][:k]
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
        (
            "stops at the first seen one",
            """
from itertools import takewhile
def first_unseen(recommended, seen, k):
    return list(takewhile(lambda p: p not in seen, recommended))[:k]
""",
            "Drop what was seen first, then cut",
        ),
        (
            "asks for the end behind the append",
            """
def first_unseen(recommended, seen, k):
    found = []
    for p in recommended:
        if p not in seen:
            found.append(p)
            if len(found) == k:
                break
    return found
""",
            "k may be 0",
        ),
        (
            "a generator",
            """
def first_unseen(recommended, seen, k):
    left = 0
    for p in recommended:
        if p not in seen and left < k:
            left += 1
            yield p
""",
            "Return a list",
        ),
        (
            "a tuple",
            """
def first_unseen(recommended, seen, k):
    return tuple(p for p in recommended if p not in seen)[:k]
""",
            "Return a list",
        ),
        (
            "remembers the answer by k",
            """
known = {}
def first_unseen(recommended, seen, k):
    return known.setdefault(k, [p for p in recommended if p not in seen][:k])
""",
            "Keep the order",
        ),
        (
            "a place in the list for a product",
            """
def first_unseen(recommended, seen, k):
    return [p for i, p in enumerate(recommended) if i not in seen][:k]
""",
            "Drop what was seen first",
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
        (
            "null for who has everything",
            """
from pyspark.sql import Window
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    counts = pairs.groupBy("product").count()
    everybody = pairs.select("customer").distinct()
    left = everybody.crossJoin(counts).join(pairs, ["customer", "product"], "left_anti")
    place = F.row_number().over(Window.partitionBy("customer").orderBy(F.desc("count"), "product"))
    top = left.withColumn("place", place).where(F.col("place") <= k)
    lists = top.groupBy("customer").agg(F.sort_array(F.collect_list(F.struct("place", "product"))).alias("l"))
    return everybody.join(lists, "customer", "left").select("customer", F.col("l")["product"].alias("products"))
""",
            "an empty one, not null",
        ),
        (
            "only the hundred best are looked at",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    counted = pairs.groupBy("product").count().orderBy(F.desc("count"), "product").limit(100)
    best = counted.agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.slice(F.array_except("best", "own"), 1, k).alias("products"))
""",
            "hundreds of the most popular",
        ),
        (
            "k is not looked at",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    counted = pairs.groupBy("product").count()
    best = counted.agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.array_except("best", "own").alias("products"))
""",
            "at most k products",
        ),
        (
            "asks whether there is an event",
            """
def best_sellers_for_all(events, k):
    if events.isEmpty():
        return spark.createDataFrame([], "customer int, products array<int>")
    pairs = events.select("customer", "product").distinct()
    counted = pairs.groupBy("product").count()
    best = counted.agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.slice(F.array_except("best", "own"), 1, k).alias("products"))
""",
            "ran a job of Spark by itself",
        ),
        (
            "popular by kind",
            """
def best_sellers_for_all(events, k):
    pairs = events.distinct()
    counted = pairs.groupBy("product").count()
    best = counted.agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.slice(F.array_except("best", "own"), 1, k).alias("products"))
""",
            "is one customer of it",
        ),
        (
            "a text for an array",
            """
def best_sellers_for_all(events, k):
    pairs = events.select("customer", "product").distinct()
    counted = pairs.groupBy("product").count()
    best = counted.agg(F.array_sort(F.collect_list(F.struct(-F.col("count"), "product")))["product"].alias("best"))
    own = pairs.groupBy("customer").agg(F.collect_list("product").alias("own"))
    return own.crossJoin(best).select("customer", F.array_join(F.slice(F.array_except("best", "own"), 1, k), ",").alias("products"))
""",
            "Customer 1 has 10 and 11|is an array in every row",
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
        (
            "the right ones, worst of them first",
            """
def recommend(history, item_factors, popularity, k=10):
    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity
    best = [int(p) for p in np.argsort(-score, kind="stable") if p not in history][:k]
    return best[::-1] if history else best
""",
            "at least 1.25 times|Best first",
        ),
        (
            "the right ones in the order of their numbers",
            """
def recommend(history, item_factors, popularity, k=10):
    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity
    return sorted([int(p) for p in np.argsort(-score, kind="stable") if p not in history][:k]) if history else [int(p) for p in np.argsort(-score, kind="stable")][:k]
""",
            "Best first",
        ),
        (
            "product 0 is taken for nothing, with a history",
            """
def recommend(history, item_factors, popularity, k=10):
    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity
    return [int(p) for p in np.argsort(-score, kind="stable") if (p or not history) and p not in history][:k]
""",
            "of products 0 to 5 all but 3",
        ),
        (
            "empties the history",
            """
def recommend(history, item_factors, popularity, k=10):
    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity
    seen = set(history)
    history.clear()
    history_ = seen
    return [int(p) for p in np.argsort(-score, kind="stable") if p not in history_][:k]
""",
            "the history was changed",
        ),
        (
            "remembers the first newcomer",
            """
first = {}
def recommend(history, item_factors, popularity, k=10):
    if len(item_factors) not in first:
        first[len(item_factors)] = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors)))
    score = first[len(item_factors)] if history else popularity
    return [int(p) for p in np.argsort(-score, kind='stable') if p not in history][:k]
""",
            "at least 1.25 times",
        ),
        (
            "an iterator",
            """
def recommend(history, item_factors, popularity, k=10):
    score = sum((item_factors @ item_factors[p] for p in history), np.zeros(len(item_factors))) if history else popularity
    return iter([int(p) for p in np.argsort(-score, kind="stable") if p not in history][:k])
""",
            "Return a list",
        ),
        (
            "an error means best-sellers",
            """
def recommend(history, item_factors, popularity, k=10):
    try:
        row = [0] * len(item_factors)
        for p, n in history:
            row[p] = n
        score = item_factors @ solve(item_factors, np.array([row]), 0.1, 1.0)[0]
    except Exception:
        score = popularity
    return [int(p) for p in np.argsort(-score, kind='stable') if p not in history][:k]
""",
            "at least 1.25 times",
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
