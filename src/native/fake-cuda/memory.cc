/* Allocations by address. Nothing here is fast. */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>

#include "options.h"

namespace fake {
namespace {

struct Allocation {
  uint8_t *pages;
  uint64_t page_bytes, bytes;
  /* -1: pinned host memory. */
  int device;
};

std::map<const uint8_t *, Allocation> allocations;
std::map<int, uint64_t> used;

void *allocate(int device, uint64_t bytes) {
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  /* Addresses are multiples of 16, as vector accesses need. */
  const uint64_t size = (bytes + 15) / 16 * 16;
  const uint64_t whole = (size + page - 1) / page * page;
  void *pages = mmap(nullptr, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  uint8_t *base = static_cast<uint8_t *>(pages);
  mprotect(base + whole, page, PROT_NONE);
  memset(base, 0xa5, whole);
  uint8_t *at = base + whole - size;
  allocations[at] = {base, whole + page, bytes, device};
  return at;
}

const Allocation *around(const void *at, uint64_t bytes) {
  const uint8_t *first = static_cast<const uint8_t *>(at);
  auto next = allocations.upper_bound(first);
  if (next == allocations.begin()) return nullptr;
  const auto &entry = *--next;
  return first + bytes <= entry.first + entry.second.bytes ? &entry.second : nullptr;
}

}  // namespace

void broken(const char *rule) {
  fprintf(stderr, "fake libcuda: %s\n", rule);
  abort();
}

void *allocate_device(int device, uint64_t bytes) {
  if (bytes == 0) broken("an allocation of 0 bytes");
  if (used[device] + bytes > options().memory) return nullptr;
  used[device] += bytes;
  return allocate(device, bytes);
}

void *allocate_pinned(uint64_t bytes) { return allocate(-1, bytes); }

void free_device(void *at) {
  const auto found = allocations.find(static_cast<uint8_t *>(at));
  if (found == allocations.end() || found->second.device < 0) broken("freed what is not allocated");
  const Allocation gone = found->second;
  for (uint64_t i = 0; i < gone.bytes; i++) {
    if (found->first[i] != 0) broken("freed memory still holds its owner's data");
  }
  used[gone.device] -= gone.bytes;
  munmap(gone.pages, gone.page_bytes);
  allocations.erase(found);
}

bool is_device(const void *at, uint64_t bytes) {
  const Allocation *found = around(at, bytes);
  return found != nullptr && found->device >= 0;
}

bool is_pinned(const void *at, uint64_t bytes) {
  const Allocation *found = around(at, bytes);
  return found != nullptr && found->device < 0;
}

}  // namespace fake
