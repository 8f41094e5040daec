-- The catalogue's own tables. Made by its owner (python -m recommender.catalogue.load); the service may only read them.
CREATE SCHEMA IF NOT EXISTS catalogue;

CREATE TABLE IF NOT EXISTS catalogue.products (
    product integer PRIMARY KEY CHECK (product >= 0),
    title   text    NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    aisle   integer NOT NULL CHECK (aisle >= 0),
    units   integer NOT NULL CHECK (units >= 0)  -- events of the last 90 days
);

CREATE INDEX IF NOT EXISTS best_of_an_aisle ON catalogue.products (aisle, units DESC, product);
