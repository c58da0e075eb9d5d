/*
 * Devices of one architecture share a backend: its calls take whichever slot is free on the device
 * with the most free slots.
 */
#include "backend.h"

#include <string.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "calls.h"
#include "gpu.h"

namespace kadre {
namespace cuda {
namespace {

/* One backend's devices. The structure that C sees is its first base. */
struct Group : kadre_backend {
  struct Place {
    Gpu *gpu;
    int slot;
  };

  std::string title;
  std::vector<std::unique_ptr<Gpu>> gpus;
  std::mutex mutex;
  std::condition_variable freed;
  /* Per device, the slots that nobody uses. */
  std::vector<std::vector<int>> free;
  size_t turn = 0;

  Place take() {
    std::unique_lock<std::mutex> lock(mutex);
    /* Among equals another one each time. */
    const size_t start = turn++ % free.size();
    size_t best = start;
    freed.wait(lock, [&] {
      for (size_t i = 0; i < free.size(); i++) {
        const size_t at = (start + i) % free.size();
        if (free[at].size() > free[best].size()) best = at;
      }
      return !free[best].empty();
    });
    const int slot = free[best].back();
    free[best].pop_back();
    return {gpus[best].get(), slot};
  }

  void give_back(const Place &place) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      for (size_t i = 0; i < gpus.size(); i++) {
        if (gpus[i].get() == place.gpu) free[i].push_back(place.slot);
      }
    }
    freed.notify_one();
  }
};

/* Problems outlive the call that had them; there are few different ones. */
const char *kept(const std::string &problem) {
  if (problem.empty()) return nullptr;
  static std::mutex mutex;
  static std::set<std::string> problems;
  const std::lock_guard<std::mutex> lock(mutex);
  return problems.insert(problem).first->c_str();
}

const char *no_problem(void) { return nullptr; }

uint32_t parts_of(const kadre_backend *self, const kadre_task *task, uint32_t threads) {
  const uint64_t devices = static_cast<const Group *>(self)->gpus.size();
  const uint64_t parts = std::min({row_blocks(*task), devices, static_cast<uint64_t>(threads)});
  return static_cast<uint32_t>(std::max<uint64_t>(parts, 1));
}

const char *run(const kadre_backend *self, const kadre_task *task, uint32_t part, uint32_t parts) {
  Group *group = const_cast<Group *>(static_cast<const Group *>(self));
  if (!has_kernel(task->kernel)) return "unknown-kernel";
  const uint64_t rows = task->extents[0];
  const uint64_t first = rows / parts * part + std::min<uint64_t>(part, rows % parts);
  const uint64_t count = rows / parts + (part < rows % parts ? 1 : 0);
  const Group::Place place = group->take();
  const std::string problem =
      run_call(place.gpu, &place.gpu->slot(place.slot), *task, first, first + count);
  group->give_back(place);
  return kept(problem);
}

/* By capability; devices that do not work leave their reason instead. */
struct Found {
  std::map<int, Group *, std::greater<int>> groups;
  std::map<int, std::string, std::greater<int>> problems;
};

void add_device(const Driver *driver, int ordinal, Found *found) {
  std::unique_ptr<Gpu> gpu(new Gpu());
  std::string problem = gpu->identify(driver, ordinal);
  if (problem.empty()) problem = gpu->open();
  const int capability = gpu->capability();
  if (!problem.empty()) {
    found->problems[capability] = problem;
    return;
  }
  Group *&group = found->groups[capability];
  if (group == nullptr) {
    /* Lives as long as the process, like the contexts in it. */
    group = new Group();
    group->title = "cuda/sm_" + std::to_string(capability);
    group->name = group->title.c_str();
    group->probe = no_problem;
    group->parts = parts_of;
    group->run = run;
  }
  std::vector<int> slots;
  for (int slot = 0; slot < SLOTS; slot++) slots.push_back(slot);
  group->free.push_back(slots);
  group->gpus.push_back(std::move(gpu));
}

Machine explore() {
  Machine machine;
  Driver *driver = new Driver();
  int count = 0;
  std::string problem = open_driver(driver);
  if (problem.empty()) {
    const Result result = driver->device_count(&count);
    if (result != SUCCESS) problem = explain(*driver, "init-failed", result);
    else if (count < 1) problem = "no-device";
  }
  if (!problem.empty()) {
    machine.candidates.push_back({nullptr, "cuda", problem});
    return machine;
  }
  Found found;
  for (int ordinal = 0; ordinal < count; ordinal++) add_device(driver, ordinal, &found);
  for (const auto &entry : found.groups) {
    machine.candidates.push_back({entry.second, entry.second->title, ""});
    for (const auto &gpu : entry.second->gpus) {
      machine.gpus.push_back(
          {entry.second->title, gpu->model(), gpu->capability(), gpu->memory(), driver->version});
    }
  }
  for (const auto &entry : found.problems) {
    if (found.groups.count(entry.first) > 0) continue;
    const std::string name =
        entry.first == 0 ? "cuda" : "cuda/sm_" + std::to_string(entry.first);
    machine.candidates.push_back({nullptr, name, entry.second});
  }
  return machine;
}

}  // namespace

const Machine &machine() {
  /* Never destroyed: kernel threads may still run when the process ends. */
  static const Machine *known = new Machine(explore());
  return *known;
}

}  // namespace cuda
}  // namespace kadre
