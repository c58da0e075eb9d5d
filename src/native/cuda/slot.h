/*
 * Where one kernel call runs on a device: a stream for kernels, a channel in each direction, and
 * the device memory of that call, which is zero again before anybody else can get it.
 */
#ifndef KADRE_CUDA_SLOT_H
#define KADRE_CUDA_SLOT_H

#include <vector>

#include "channel.h"

namespace kadre {
namespace cuda {

class Slot {
 public:
  Slot() = default;
  Slot(const Slot &) = delete;
  Slot &operator=(const Slot &) = delete;

  /* `pools`: this device allocates in stream order. */
  Result open(const Driver *driver, bool pools);

  const Driver &driver() const { return *driver_; }
  Stream stream() const { return stream_; }
  Channel &up() { return up_; }
  Channel &down() { return down_; }

  /* Until `release`; what is uploaded or launched from now on may use it. */
  Result allocate(uint64_t bytes, DevicePointer *at);
  /* Takes memory out of, or into, what `release` zeroes and frees. */
  void disown(DevicePointer at);
  void adopt(DevicePointer at, uint64_t bytes);
  /* Recorded on the upward channel by whoever shares a copy made there. */
  Event uploaded() const { return uploaded_; }
  /* Zeroes and frees what was allocated, after everything that the slot was given. */
  Result release();

 private:
  struct Block {
    DevicePointer at;
    uint64_t bytes;
  };

  const Driver *driver_ = nullptr;
  bool pools_ = false;
  Stream stream_ = nullptr;
  Event order_ = nullptr, uploaded_ = nullptr;
  Channel up_, down_;
  std::vector<Block> blocks_;
};

}  // namespace cuda
}  // namespace kadre

#endif
