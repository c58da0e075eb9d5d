/*
 * Streams and events of the fake driver. What is given to a stream runs later, in the stream's
 * order and in a random order between streams, so that a missing wait shows.
 */
#ifndef KADRE_FAKE_STREAMS_H
#define KADRE_FAKE_STREAMS_H

#include <deque>
#include <functional>
#include <memory>

namespace fake {

struct FakeStream;

struct Work {
  /* NULL, or what must be true before this may run. */
  std::shared_ptr<bool> gate;
  std::function<void()> run;
  /* Where the gate is opened. */
  FakeStream *opener = nullptr;
};

struct FakeStream {
  std::deque<Work> work;
};

struct FakeEvent {
  /* Of the last record; NULL: never recorded, and so complete. */
  std::shared_ptr<bool> ticket;
  FakeStream *stream = nullptr;
};

FakeStream *create_stream();
void give(FakeStream *stream, Work work);
void record(FakeEvent *event, FakeStream *stream);
void wait_for(FakeStream *stream, const FakeEvent &event);
/*
 * Runs work, in random order or as little as possible, until the event is complete. Ends the
 * process if that cannot be.
 */
void complete(const FakeEvent &event);

}  // namespace fake

#endif
