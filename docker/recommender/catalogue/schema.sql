-- The catalogue's own table, in the schema that is first on the search path: the owner's (python -m recommender.catalogue.load).
-- The service's role finds it by the same path, and may only read it.
CREATE TABLE IF NOT EXISTS products (
    product integer PRIMARY KEY CHECK (product >= 0),
    title   text    NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    aisle   integer NOT NULL CHECK (aisle >= 0),
    units   integer NOT NULL CHECK (units >= 0)  -- events of the last 90 days
);

CREATE INDEX IF NOT EXISTS best_of_an_aisle ON products (aisle, units DESC, product);
