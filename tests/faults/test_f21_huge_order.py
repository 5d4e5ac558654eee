"""F21: an order of 10,000 lines, as large as Shopify sends one: it is taken in, others go on."""

import json
import time
from pathlib import Path
from typing import Any

import httpx2

from benchmarks import cpu, delivery
from benchmarks.traffic import BEGAN
from tests.faults.served import DOMAINS, SECRET, Served, tell
from tests.sizes import FULL, PATIENCE, size

LINES, MB = 10_000, 5
PER_S, LASTS_S = size((20, 6), (50, 30))
GROWTH_MB = 100
WITHIN_S = 120.0


def huge_order() -> bytes:
    """Return an order with lines of five megabytes."""
    order: dict[str, Any] = json.loads(delivery.order())
    line = order["line_items"][0]
    order["id"], order["line_items"] = 42, []
    for number in range(LINES):
        fill = "x" * (MB * 1_000_000 // LINES - 310)
        few = {name: line[name] for name in ("title", "quantity", "price", "product_id")}
        sku = {"id": number, "variant_id": number, "sku": fill, "name": f"Rain serum {number}"}
        order["line_items"].append(few | sku | {"price_set": line["price_set"], "properties": []})
    return json.dumps(order).encode()


def memory_mb(pid: int, name: str) -> float:
    """`VmRSS`, which a process has now, or `VmHWM`, the most that it ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1_024


def test_f21_an_order_of_10_000_lines_is_digested_beside_the_others(tmp_path):
    body = huge_order()
    request = delivery.sign(SECRET, "orders/create", body, domain=DOMAINS[0], at=BEGAN)
    head = request.before.decode().split("\r\n")[1:]
    headers = dict(line.split(": ", 1) for line in head) | {"X-Shopify-Webhook-Id": "huge"}
    with Served(tmp_path, whole=FULL) as served:
        with served.loading((LASTS_S, PER_S)) as result:
            time.sleep(LASTS_S / 2)
            before = {pid: memory_mb(pid, "VmRSS") for pid in served.pids()}
            used = cpu.seconds(served.process.pid)
            url = f"http://127.0.0.1:{served.port}{delivery.PATH}"
            answer = httpx2.post(
                url, content=body, headers=headers, timeout=30 * PATIENCE, trust_env=False
            )
            loaded, _ = result()
        drained_s = served.drain(WITHIN_S)
        grown = {pid: memory_mb(pid, "VmHWM") - mb for pid, mb in before.items()}

        tell("F21", body_mb=round(len(body) / 1e6, 1), answer=answer.status_code,
             cpu_s_with_the_others=round(cpu.seconds(served.process.pid) - used, 2),
             others=loaded.statuses, others_p99_ms=loaded.p99_ms, drained_s=round(drained_s, 1),
             most_grown_mb=round(max(grown.values())))  # fmt: skip
        assert MB * 0.9 < len(body) / 1e6 < 6
        assert answer.status_code == 200
        assert loaded.statuses == {"200": PER_S * LASTS_S}
        assert served.states() == {"done": PER_S * LASTS_S + 1}
        assert served.count("SELECT count(*) FROM order_line WHERE order_id = 42") == LINES
        assert max(grown.values()) < GROWTH_MB
