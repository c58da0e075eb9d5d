/* One scheduler for all streams; it is called under the driver's lock. */
#include "streams.h"

#include <vector>

#include "machine.h"
#include "memory.h"

namespace fake {
namespace {

std::vector<std::unique_ptr<FakeStream>> streams;

/* Runs the first work of some stream that may go on; false when there is none. */
bool run_one() {
  std::vector<FakeStream *> ready;
  for (const auto &stream : streams) {
    if (stream->work.empty()) continue;
    const Work &first = stream->work.front();
    if (first.gate == nullptr || *first.gate) ready.push_back(stream.get());
  }
  if (ready.empty()) return false;
  FakeStream *stream = ready[draw() % ready.size()];
  const Work work = std::move(stream->work.front());
  stream->work.pop_front();
  work.run();
  return true;
}

}  // namespace

FakeStream *create_stream() {
  streams.emplace_back(new FakeStream());
  return streams.back().get();
}

void give(FakeStream *stream, Work work) {
  stream->work.push_back(std::move(work));
  /* A device that sometimes is quick. */
  while (draw() % 3 == 0 && run_one()) continue;
}

void record(FakeEvent *event, FakeStream *stream) {
  const auto ticket = std::make_shared<bool>(false);
  event->ticket = ticket;
  give(stream, {nullptr, [ticket] { *ticket = true; }});
}

void wait_for(FakeStream *stream, const FakeEvent &event) {
  if (event.ticket != nullptr) give(stream, {event.ticket, [] {}});
}

void complete(const FakeEvent &event) {
  while (event.ticket != nullptr && !*event.ticket) {
    if (!run_one()) broken("waits for an event that nothing leads to");
  }
}

}  // namespace fake
