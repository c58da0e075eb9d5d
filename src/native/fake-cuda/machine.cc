/*
 * Threads are fibres (makecontext, swapcontext). Between two barriers every thread runs once, in an
 * order drawn for each interval; blocks run one after the other, in an order drawn for each grid.
 */
#include "machine.h"

#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "device-language.h"

FakeIndex threadIdx, blockIdx;

/* Set by the linker; absent in a program without shared variables. */
extern "C" char __start_kadre_shared[] __attribute__((weak));
extern "C" char __stop_kadre_shared[] __attribute__((weak));

namespace fake {
namespace {

constexpr size_t STACK_BYTES = 64 << 10;

enum class State { READY, AT_BARRIER, DONE };

struct Fibre {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  State state;
};

struct Block {
  std::vector<Fibre> fibres;
  ucontext_t scheduler;
  unsigned current;
  const std::function<void()> *thread;
};

Block *running = nullptr;
uint64_t chance = 88172645463325252ull;

void body() {
  (*running->thread)();
  running->fibres[running->current].state = State::DONE;
  swapcontext(&running->fibres[running->current].context, &running->scheduler);
}

template <class T>
void shuffle(std::vector<T> *list) {
  for (size_t i = list->size(); i > 1; i--) std::swap((*list)[i - 1], (*list)[draw() % i]);
}

std::vector<unsigned> shuffled(unsigned count) {
  std::vector<unsigned> order(count);
  std::iota(order.begin(), order.end(), 0u);
  shuffle(&order);
  return order;
}

/* NaNs: whoever reads what nobody wrote shows it. */
void spoil_shared() {
  if (__start_kadre_shared == nullptr) return;
  memset(__start_kadre_shared, 0xff, __stop_kadre_shared - __start_kadre_shared);
}

bool run_block(Block *block) {
  const unsigned threads = static_cast<unsigned>(block->fibres.size());
  for (Fibre &fibre : block->fibres) {
    fibre.state = State::READY;
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.get();
    fibre.context.uc_stack.ss_size = STACK_BYTES;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, body, 0);
  }
  for (;;) {
    unsigned done = 0;
    for (const unsigned index : shuffled(threads)) {
      Fibre &fibre = block->fibres[index];
      block->current = index;
      threadIdx.x = index;
      fibre.state = State::READY;
      swapcontext(&block->scheduler, &fibre.context);
      done += fibre.state == State::DONE;
    }
    if (done == threads) return true;
    if (done > 0) return false;
  }
}

}  // namespace

uint64_t draw() {
  chance ^= chance >> 12;
  chance ^= chance << 25;
  chance ^= chance >> 27;
  return (chance * 2685821657736338717ull) >> 16;
}

void seed(uint64_t value) {
  if (value != 0) chance = value;
}

bool run_grid(unsigned blocks, unsigned threads, const std::function<void()> &thread) {
  Block block;
  block.fibres.resize(threads);
  for (Fibre &fibre : block.fibres) fibre.stack.reset(new char[STACK_BYTES]);
  block.thread = &thread;
  running = &block;
  for (const unsigned index : shuffled(blocks)) {
    blockIdx.x = index;
    spoil_shared();
    if (!run_block(&block)) return false;
  }
  return true;
}

}  // namespace fake

void __syncthreads() {
  /* For the test that barriers are needed. */
#ifndef KADRE_FAKE_NO_BARRIER
  fake::Fibre &fibre = fake::running->fibres[fake::running->current];
  fibre.state = fake::State::AT_BARRIER;
  swapcontext(&fibre.context, &fake::running->scheduler);
#endif
}
