/*
 * Inputs that several calls on one device read at the same time: the shards of a product share b.
 * The first call copies, those that begin before the last one has ended use that copy. No call that
 * overlaps another may see its buffers change (napi/addon.cc), so equal addresses are equal bytes.
 */
#ifndef KADRE_CUDA_SHARED_INPUTS_H
#define KADRE_CUDA_SHARED_INPUTS_H

#include <condition_variable>
#include <list>
#include <mutex>

#include "slot.h"

namespace kadre {
namespace cuda {

class SharedInputs {
 public:
  SharedInputs() = default;
  SharedInputs(const SharedInputs &) = delete;
  SharedInputs &operator=(const SharedInputs &) = delete;

  /* The address of a copy whose rows begin `pitch` bytes apart; the slot's kernels wait for it. */
  Result join(Slot *slot, const HostRows &rows, uint64_t pitch, DevicePointer *at);
  /* Once for every `join` that went well. The last one's slot takes the memory, and releases it. */
  void leave(Slot *slot, DevicePointer at);

 private:
  enum class State { COPYING, READY, FAILED };
  struct Copy {
    HostRows rows;
    DevicePointer at;
    uint64_t bytes;
    Event ready;
    State state;
    unsigned users;
  };

  Result make(Slot *slot, uint64_t pitch, Copy *copy);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Copy> copies_;
};

}  // namespace cuda
}  // namespace kadre

#endif
