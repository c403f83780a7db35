"""The event ids of all rows in Druid, one a line; runs in the container of a forwarder, which is in Druid's network."""

import json
import sys
from urllib.request import Request, urlopen

QUERY = {"query": "SELECT event_id FROM clickstream", "resultFormat": "array", "context": {"useCache": False}}
request = Request("http://druid-broker:8082/druid/v2/sql", json.dumps(QUERY).encode(), {"Content-Type": "application/json"})
with urlopen(request, timeout=60) as response:
    print(*(row[0] for row in json.load(response)), sep="\n")
sys.stdout.flush()
