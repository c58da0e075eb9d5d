/* Independent pieces of work on a few threads of their own, taken one by one. */
#ifndef KADRE_FEDERATED_PARALLEL_H
#define KADRE_FEDERATED_PARALLEL_H

#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "../cpu/rounding.h"

namespace kadre {

/* work(0) .. work(pieces - 1), once each; returns when all are done. `work` throws nothing. */
template <typename Work>
void in_parallel(uint32_t threads, uint64_t pieces, const Work &work) {
  std::atomic<uint64_t> next{0};
  const auto take = [&] {
    const kadre_fp_mode saved = kadre_fp_enter();
    for (uint64_t piece = next++; piece < pieces; piece = next++) work(piece);
    kadre_fp_leave(saved);
  };
  std::vector<std::thread> others;
  try {
    while (others.size() + 1 < threads && others.size() + 1 < pieces) others.emplace_back(take);
  } catch (const std::system_error &) {
    /* The threads there are do it all. */
  }
  take();
  for (std::thread &other : others) other.join();
}

}  // namespace kadre

#endif
