/*
 * Copies by address and shape. Host threads wait for the maker to have started its copy; streams
 * wait for its event. A maker's event may have been recorded again for a later copy when somebody
 * joins this one: it is the same stream, so that wait is only longer.
 */
#include "shared-inputs.h"

#include <algorithm>

namespace kadre {
namespace cuda {
namespace {

bool is_same(const HostRows &a, const HostRows &b) {
  return a.data == b.data && a.rows == b.rows && a.width == b.width && a.stride == b.stride;
}

}  // namespace

Result SharedInputs::join(Slot *slot, const HostRows &rows, uint64_t pitch, DevicePointer *at) {
  std::unique_lock<std::mutex> lock(mutex_);
  auto found = std::find_if(copies_.begin(), copies_.end(),
                            [&](const Copy &copy) { return is_same(copy.rows, rows); });
  if (found == copies_.end()) {
    copies_.push_back({rows, 0, rows.rows * pitch, nullptr, State::COPYING, 1});
    found = std::prev(copies_.end());
    lock.unlock();
    const Result result = make(slot, pitch, &*found);
    lock.lock();
    found->state = result == SUCCESS ? State::READY : State::FAILED;
    changed_.notify_all();
    if (result != SUCCESS) {
      if (--found->users == 0) copies_.erase(found);
      return result;
    }
  } else {
    found->users++;
    changed_.wait(lock, [&] { return found->state != State::COPYING; });
    if (found->state == State::FAILED) {
      if (--found->users == 0) copies_.erase(found);
      /* Memory is what runs out here; after a fault of the device the process ends anyway. */
      return OUT_OF_MEMORY;
    }
  }
  *at = found->at;
  return slot->driver().stream_wait(slot->stream(), found->ready, 0);
}

Result SharedInputs::make(Slot *slot, uint64_t pitch, Copy *copy) {
  copy->ready = slot->uploaded();
  Result result = slot->allocate(copy->bytes, &copy->at);
  if (result != SUCCESS) return result;
  result = slot->up().upload(copy->rows, copy->at, pitch);
  if (result == SUCCESS) result = slot->driver().event_record(copy->ready, slot->up().stream());
  /* From here on it is everybody's; a failed one stays the slot's and goes with its call. */
  if (result == SUCCESS) slot->disown(copy->at);
  return result;
}

void SharedInputs::leave(Slot *slot, DevicePointer at) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = std::find_if(copies_.begin(), copies_.end(), [&](const Copy &copy) {
    return copy.state == State::READY && copy.at == at;
  });
  if (found == copies_.end() || --found->users > 0) return;
  slot->adopt(found->at, found->bytes);
  copies_.erase(found);
}

}  // namespace cuda
}  // namespace kadre
