"""gloo's all-reduce of float32 among processes on loopback: one line of seconds per run."""
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def member(rank, world, elements, runs, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    tensor = torch.rand(elements)
    for _ in range(runs + 1):
        dist.barrier()
        start = time.monotonic()
        dist.all_reduce(tensor)
        dist.barrier()
        if rank == 0:
            print(f"{time.monotonic() - start:.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    world, elements, runs, port = (int(word) for word in sys.argv[1:5])
    mp.spawn(member, args=(world, elements, runs, port), nprocs=world)
