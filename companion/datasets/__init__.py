"""What it runs on: one module a data set; simulated with a known truth, bundled with an installed package, or fetched.

Each returns plain NumPy or pandas objects or a folder of files, the same bytes for the same seed. ``data/README.md`` has a
card for each: source, planted truth, licence, schema, size.
"""
