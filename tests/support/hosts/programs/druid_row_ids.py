"""The event ids of all rows in Druid, one a line; none while Druid does not respond.

Runs in the container of a forwarder, which is in Druid's network.
"""

import json
import sys
from urllib.request import Request, urlopen

QUERY = {"query": "SELECT event_id FROM clickstream", "resultFormat": "array", "context": {"useCache": False}}
request = Request("http://druid-broker:8082/druid/v2/sql", json.dumps(QUERY).encode(), {"Content-Type": "application/json"})
try:
    with urlopen(request, timeout=60) as response:
        print(*(row[0] for row in json.load(response)), sep="\n")
except OSError as error:
    print(f"Druid does not respond: {error}", file=sys.stderr)
