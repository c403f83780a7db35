"""Druid SQL over HTTP on one machine, with the rows in DuckDB.

The path of a statement, from the request to the response:

1. `app.py`: `create_app` routes `POST /druid/v2/sql` to `_QueryHandler.query`, after `access.py` has checked host, origin and token.
2. `requests.py`: `parse_request` parses the body into a `QueryRequest`.
3. `statements.py`: a `Statement` is in flight until its result, timeout, cancellation or the end of its connection.
4. `engine.py`: `Engine.translate` translates the statement, on the one thread for translation:
   - `sql/translate.py`: `translate` parses it (`sql/parser.py`) and passes the syntax tree to `QueryTranslator` (`sql/queries.py`).
   - `sql/queries.py` translates clause by clause, `sql/ordering.py` ORDER BY, `sql/expressions.py` and `sql/operators.py` expressions,
     and `sql/functions/` calls of functions. `sql/scope.py` resolves columns from the tables of `sql/catalog.py`.
   - `sql/limits.py`: `apply_allowance` limits the texts that the statement produces.
5. `engine.py`: `Engine.run` runs it, on a thread for queries: `sql/output.py` converts the columns, `storage/readers.py` provides a cursor,
   and an `Execution` makes it interruptible.
6. `results.py`: the rows become a `QueryResult`, encoded by `formats.py`.
7. `app.py`: `_ResultResponse` sends the result part by part. A `QueryError` becomes Druid's error object (`errors.py`).

Rows come from the converter, which calls `Store.commit` (`storage/store.py`) in the same process.
"""
