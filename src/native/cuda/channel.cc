/* Boxes of bytes are cut into pieces of one pinned buffer; two buffers take turns. */
#include "channel.h"

#include <string.h>

#include <algorithm>

namespace kadre {
namespace cuda {
namespace {

/* Large enough that starting a copy costs nothing beside it, small enough to overlap early. */
constexpr uint64_t BUFFER_BYTES = 4 << 20;

}  // namespace

#define KADRE_TRY(call)                        \
  do {                                         \
    const Result result_ = (call);             \
    if (result_ != SUCCESS) return result_;    \
  } while (0)

/* What is opened halfway is never used, and goes with the process. */
Result Channel::open(const Driver *driver) {
  driver_ = driver;
  KADRE_TRY(driver_->stream_create(&stream_, STREAM_NON_BLOCKING));
  KADRE_TRY(driver_->event_create(&order_, EVENT_BLOCKING_UNTIMED));
  for (Buffer &buffer : buffers_) {
    void *data = nullptr;
    KADRE_TRY(driver_->host_allocate(&data, BUFFER_BYTES, 0));
    buffer.data = static_cast<uint8_t *>(data);
    KADRE_TRY(driver_->event_create(&buffer.done, EVENT_BLOCKING_UNTIMED));
  }
  return SUCCESS;
}

template <class Move>
Result Channel::each_piece(const HostRows &box, uint64_t pitch, Move move) {
  if (box.width == 0) return SUCCESS;
  if (pitch <= BUFFER_BYTES) {
    const uint64_t most = BUFFER_BYTES / pitch;
    for (uint64_t row = 0; row < box.rows; row += most) {
      KADRE_TRY(move(Piece{row, std::min(most, box.rows - row), 0, box.width}));
    }
    return SUCCESS;
  }
  for (uint64_t row = 0; row < box.rows; row++) {
    for (uint64_t first = 0; first < box.width; first += BUFFER_BYTES) {
      KADRE_TRY(move(Piece{row, 1, first, std::min(BUFFER_BYTES, box.width - first)}));
    }
  }
  return SUCCESS;
}

Result Channel::upload(const HostRows &from, DevicePointer to, uint64_t pitch) {
  return each_piece(from, pitch, [&](const Piece &piece) {
    Buffer *buffer = next();
    KADRE_TRY(settle(buffer));
    const bool whole = piece.width == from.width;
    const uint64_t step = whole ? pitch : piece.width;
    for (uint64_t i = 0; i < piece.rows; i++) {
      uint8_t *row = buffer->data + i * step;
      memcpy(row, from.data + (piece.row + i) * from.stride + piece.first, piece.width);
      memset(row + piece.width, 0, step - piece.width);
    }
    const DevicePointer at = to + piece.row * pitch + piece.first;
    KADRE_TRY(driver_->copy_up(at, buffer->data, piece.rows * step, stream_));
    buffer->busy = true;
    return driver_->event_record(buffer->done, stream_);
  });
}

Result Channel::download(DevicePointer from, uint64_t pitch, const HostRows &to) {
  return each_piece(to, pitch, [&](const Piece &piece) {
    Buffer *buffer = next();
    KADRE_TRY(settle(buffer));
    const bool whole = piece.width == to.width;
    const uint64_t step = whole ? pitch : piece.width;
    const DevicePointer at = from + piece.row * pitch + piece.first;
    KADRE_TRY(driver_->copy_down(buffer->data, at, piece.rows * step, stream_));
    uint8_t *home = to.data + piece.row * to.stride + piece.first;
    buffer->home = {home, piece.rows, piece.width, to.stride};
    buffer->pitch = step;
    buffer->busy = true;
    return driver_->event_record(buffer->done, stream_);
  });
}

Result Channel::settle(Buffer *buffer) {
  if (!buffer->busy) return SUCCESS;
  KADRE_TRY(driver_->event_wait(buffer->done));
  buffer->busy = false;
  const HostRows &home = buffer->home;
  for (uint64_t i = 0; i < home.rows; i++) {
    memcpy(home.data + i * home.stride, buffer->data + i * buffer->pitch, home.width);
  }
  buffer->home.rows = 0;
  return SUCCESS;
}

Result Channel::finish() {
  /* The older one first: its copy ends first. */
  for (int i = 0; i < 2; i++) KADRE_TRY(settle(next()));
  return SUCCESS;
}

void Channel::abandon() {
  for (Buffer &buffer : buffers_) buffer.home.rows = 0;
}

Result Channel::hold(Stream stream) {
  KADRE_TRY(driver_->event_record(order_, stream_));
  return driver_->stream_wait(stream, order_, 0);
}

Result Channel::follow(Stream stream) {
  KADRE_TRY(driver_->event_record(order_, stream));
  return driver_->stream_wait(stream_, order_, 0);
}

}  // namespace cuda
}  // namespace kadre
