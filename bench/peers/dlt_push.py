"""dlt's way to send records to an API: `python dlt_push.py URL FOLDER CONVERSATIONS WORKERS`. Needs dlt.

Each row is a POST; the rows are spread over as many files as there are workers, which dlt sends in parallel.
"""

# It runs in an environment of its own, with what is installed there.
# mypy: ignore-errors

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

URL, FOLDER, SIZE, WORKERS = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
os.environ |= {  # before dlt is imported
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DLT_DATA_DIR": str(FOLDER / "dlt"),
    "LOAD__WORKERS": str(WORKERS),
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": str(-(-SIZE * 7 // WORKERS)),
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "10",
}

import dlt  # noqa: E402
import requests  # noqa: E402
from requests.adapters import HTTPAdapter  # noqa: E402

SESSION = requests.Session()
SESSION.mount("http://", HTTPAdapter(pool_maxsize=WORKERS))
begun: list[tuple[float, float]] = []
ended: list[tuple[float, float]] = []


@dlt.destination(batch_size=1, loader_parallelism_strategy="parallel", name="desk")
def desk(items: Any, table: Any) -> None:  # noqa: ARG001 - dlt gives it
    if not begun:
        begun.append((time.perf_counter(), time.process_time()))
    for item in items:
        SESSION.post(URL + "turns", json={"text": item["text"], "direction": item["direction"]}, timeout=30)
    ended.append((time.perf_counter(), time.process_time()))


def main() -> None:
    rows = [
        {"id": n, "direction": "in", "text": f"goedemorgen de lantaarn in onze straat is kapot {n} " * 4}
        for n in range(SIZE * 7)
    ]
    pipeline = dlt.pipeline("push", destination=desk, pipelines_dir=str(FOLDER / "state"))
    pipeline.run(rows, table_name="turns")
    (wall, cpu), (wall_end, cpu_end) = begun[0], ended[-1]
    print(json.dumps({"wall": wall_end - wall, "cpu": cpu_end - cpu}))


if __name__ == "__main__":
    main()
