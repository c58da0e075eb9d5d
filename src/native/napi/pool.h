/*
 * The addon's own threads: kernels must not occupy libuv's four. Tasks are cut into parts by their
 * backend; the last part to end reports the task to the JavaScript thread.
 */
#ifndef KADRE_NAPI_POOL_H
#define KADRE_NAPI_POOL_H

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "../backend.h"

namespace kadre {

struct PoolTask {
  const kadre_backend *backend;
  kadre_task task;
  uint32_t parts;
  std::atomic<uint32_t> unfinished;
  std::atomic<const char *> problem{nullptr};
  /* Called once, on the pool thread that finished last. */
  std::function<void(PoolTask *)> done;
};

class Pool {
 public:
  /* Starts at least one thread or throws std::system_error. */
  explicit Pool(uint32_t threads);
  /* Drops queued parts, waits for running ones. */
  ~Pool();
  Pool(const Pool &) = delete;
  Pool &operator=(const Pool &) = delete;

  uint32_t threads() const { return static_cast<uint32_t>(threads_.size()); }
  /* The caller keeps the task alive until `done`. */
  void submit(PoolTask *task);

 private:
  struct Part {
    PoolTask *task;
    uint32_t index;
  };
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Part> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace kadre

#endif
