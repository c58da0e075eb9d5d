/* One queue of parts under one lock: parts are milliseconds long, so the lock costs nothing. */
#include "pool.h"

#include <system_error>

namespace kadre {

Pool::Pool(uint32_t threads) {
  for (uint32_t i = 0; i < threads; i++) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error &) {
      /* A limited system gets fewer threads; none at all is an error. */
      if (threads_.empty()) throw;
      break;
    }
  }
}

Pool::~Pool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread &thread : threads_) thread.join();
}

void Pool::submit(PoolTask *task) {
  const uint32_t parts = task->parts;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (uint32_t index = 0; index < parts; index++) queue_.push_back({task, index});
  }
  if (parts == 1) {
    wake_.notify_one();
  } else {
    wake_.notify_all();
  }
}

void Pool::work() {
  for (;;) {
    Part part;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      part = queue_.front();
      queue_.pop_front();
    }
    PoolTask *task = part.task;
    const kadre_backend *backend = task->backend;
    const char *problem = backend->run(backend, &task->task, part.index, task->parts);
    if (problem != nullptr) task->problem.store(problem);
    if (task->unfinished.fetch_sub(1) == 1) task->done(task);
  }
}

}  // namespace kadre
