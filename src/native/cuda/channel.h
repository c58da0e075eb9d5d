/*
 * One direction of travel between host and device: a stream of its own and two pinned buffers, so
 * that the processor fills or empties one of them while the device copies the other.
 */
#ifndef KADRE_CUDA_CHANNEL_H
#define KADRE_CUDA_CHANNEL_H

#include "driver.h"

namespace kadre {
namespace cuda {

/* A box of bytes in host memory: rows of `width` bytes that begin `stride` bytes apart. */
struct HostRows {
  uint8_t *data;
  uint64_t rows, width, stride;
};

class Channel {
 public:
  Channel() = default;
  Channel(const Channel &) = delete;
  Channel &operator=(const Channel &) = delete;

  Result open(const Driver *driver);
  Stream stream() const { return stream_; }

  /* Rows begin `pitch` bytes apart on the device; what lies between them becomes zero. */
  Result upload(const HostRows &from, DevicePointer to, uint64_t pitch);
  /* Started at once, in `to` only after `finish`. */
  Result download(DevicePointer from, uint64_t pitch, const HostRows &to);
  /* Waits for all copies and empties the buffers. */
  Result finish();
  /* After a failure: what has not come back has no home any more. */
  void abandon();
  /* Work given to `stream` from now on waits for all that this channel has been given so far. */
  Result hold(Stream stream);
  /* Work given to this channel from now on waits for all that `stream` has been given so far. */
  Result follow(Stream stream);

 private:
  /* Whole rows where a buffer holds one, else a part of one row. */
  struct Piece {
    uint64_t row, rows, first, width;
  };
  struct Buffer {
    uint8_t *data = nullptr;
    Event done = nullptr;
    bool busy = false;
    /* Downloads: where the content belongs. No rows: nowhere. */
    HostRows home = {nullptr, 0, 0, 0};
    uint64_t pitch = 0;
  };

  template <class Move>
  Result each_piece(const HostRows &box, uint64_t pitch, Move move);
  Result settle(Buffer *buffer);
  Buffer *next() { return &buffers_[turn_++ % 2]; }

  const Driver *driver_ = nullptr;
  Stream stream_ = nullptr;
  Event order_ = nullptr;
  Buffer buffers_[2];
  unsigned turn_ = 0;
};

}  // namespace cuda
}  // namespace kadre

#endif
