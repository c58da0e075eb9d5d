/* Device memory of one call: allocated in stream order where that is possible, always zeroed. */
#include "slot.h"

#include <algorithm>

namespace kadre {
namespace cuda {
namespace {

/* The driver refuses 0 bytes, and a matrix without elements still has an address. */
constexpr uint64_t SMALLEST = 16;

}  // namespace

Result Slot::open(const Driver *driver, bool pools) {
  driver_ = driver;
  pools_ = pools;
  Result result = driver_->stream_create(&stream_, STREAM_NON_BLOCKING);
  if (result == SUCCESS) result = driver_->event_create(&order_, EVENT_BLOCKING_UNTIMED);
  if (result == SUCCESS) result = driver_->event_create(&uploaded_, EVENT_BLOCKING_UNTIMED);
  if (result == SUCCESS) result = up_.open(driver_);
  if (result == SUCCESS) result = down_.open(driver_);
  return result;
}

Result Slot::allocate(uint64_t bytes, DevicePointer *at) {
  const uint64_t size = bytes == 0 ? SMALLEST : bytes;
  Result result = pools_ ? driver_->pool_allocate(at, size, stream_)
                         : driver_->memory_allocate(at, size);
  if (result != SUCCESS) return result;
  blocks_.push_back({*at, size});
  return pools_ ? up_.follow(stream_) : SUCCESS;
}

void Slot::adopt(DevicePointer at, uint64_t bytes) {
  blocks_.push_back({at, bytes == 0 ? SMALLEST : bytes});
}

void Slot::disown(DevicePointer at) {
  const auto found = std::find_if(blocks_.begin(), blocks_.end(),
                                  [at](const Block &block) { return block.at == at; });
  if (found != blocks_.end()) blocks_.erase(found);
}

Result Slot::release() {
  Result result = up_.hold(stream_);
  const Result held = down_.hold(stream_);
  if (result == SUCCESS) result = held;
  for (const Block &block : blocks_) {
    const Result zeroed = driver_->memory_set(block.at, 0, block.bytes, stream_);
    if (result == SUCCESS) result = zeroed;
  }
  if (!pools_) {
    /* Memory that is not stream-ordered may be given away only when the zeros are there. */
    const Result recorded = driver_->event_record(order_, stream_);
    if (result == SUCCESS) result = recorded;
    const Result waited = driver_->event_wait(order_);
    if (result == SUCCESS) result = waited;
  }
  for (const Block &block : blocks_) {
    const Result freed = pools_ ? driver_->pool_free(block.at, stream_)
                                : driver_->memory_free(block.at);
    if (result == SUCCESS) result = freed;
  }
  blocks_.clear();
  return result;
}

}  // namespace cuda
}  // namespace kadre
