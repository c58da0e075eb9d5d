/* One scheduler for all streams; it is called under the driver's lock. */
#include "streams.h"

#include <vector>

#include "machine.h"
#include "memory.h"
#include "options.h"

namespace fake {
namespace {

std::vector<std::unique_ptr<FakeStream>> streams;

void run_first(FakeStream *stream) {
  const Work work = std::move(stream->work.front());
  stream->work.pop_front();
  work.run();
}

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
  run_first(stream);
  return true;
}

/* One step towards the end of a stream: its first work, or what that is waiting for. */
bool run_towards(FakeStream *stream) {
  /* Each gate was made before what waits for it, so this ends. */
  while (!stream->work.empty()) {
    const Work &first = stream->work.front();
    if (first.gate == nullptr || *first.gate) {
      run_first(stream);
      return true;
    }
    stream = first.opener;
  }
  return false;
}

}  // namespace

FakeStream *create_stream() {
  streams.emplace_back(new FakeStream());
  return streams.back().get();
}

void give(FakeStream *stream, Work work) {
  stream->work.push_back(std::move(work));
  /* A device that sometimes is quick. */
  while (!options().lazy && draw() % 3 == 0 && run_one()) continue;
}

void record(FakeEvent *event, FakeStream *stream) {
  const auto ticket = std::make_shared<bool>(false);
  event->ticket = ticket;
  event->stream = stream;
  give(stream, {nullptr, [ticket] { *ticket = true; }});
}

void wait_for(FakeStream *stream, const FakeEvent &event) {
  if (event.ticket != nullptr) give(stream, {event.ticket, [] {}, event.stream});
}

void complete(const FakeEvent &event) {
  while (event.ticket != nullptr && !*event.ticket) {
    const bool went_on = options().lazy ? run_towards(event.stream) : run_one();
    if (!went_on) broken("waits for an event that nothing leads to");
  }
}

}  // namespace fake
