"""Peer of noop-shards.ts: no-op tasks per second on dask.distributed, four worker processes."""
import json
import sys
import time

from distributed import Client, LocalCluster


def noop(index):
    return None


if __name__ == "__main__":
    tasks, runs = int(sys.argv[1]), int(sys.argv[2])
    with LocalCluster(
        n_workers=4, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster, Client(cluster) as client:
        rates = []
        for run in range(-1, runs):
            start = time.perf_counter()
            client.gather(client.map(noop, range(tasks), pure=False))
            took = time.perf_counter() - start
            if run >= 0:
                rates.append(tasks / took)
        print(json.dumps(rates))
