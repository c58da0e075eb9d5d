/* What is there, and does it compute what a CPU computes. */
#include <stdio.h>
#include <string.h>

#include <chrono>

#include "../cuda/backend.h"
#include "steps.h"

namespace selftest {
namespace {

struct Shape {
  uint64_t m, k, n;
};

/* Where bits go wrong: edges of both blockings, k around tiles, one row, one column, no k. */
const Shape FIXED[] = {
    {1, 1, 1},       {1, 7, 1},      {3, 0, 5},        {64, 8, 64},     {65, 9, 63},
    {63, 7, 65},     {128, 8, 128},  {129, 9, 127},    {127, 15, 129},  {256, 16, 256},
    {257, 17, 255},  {1, 4096, 1},   {4096, 1, 1},     {1, 1, 4096},    {5, 1000, 3},
    {1000, 3, 1000}, {300, 300, 300}, {2048, 31, 2048}, {2050, 33, 2046}, {4096, 512, 1024},
};
constexpr int RANDOM_SHAPES = 20;

double now_ms() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(since).count();
}

uint32_t next(uint32_t state) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^ (state << 5);
}

const kadre_backend *best_cpu() {
#ifdef KADRE_HAVE_AVX512
  if (__builtin_cpu_supports("avx512f")) return &kadre_cpu_avx512;
#endif
#ifdef KADRE_HAVE_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &kadre_cpu_avx2;
#endif
  return &kadre_cpu_generic;
}

struct Product {
  Shape shape;
  std::vector<uint32_t> a, b;

  Product(const Shape &s, int kind)
      : shape(s), a(sample(kind, s.m * s.k, 5)), b(sample(kind, s.k * s.n, 6)) {}

  /* NULL or a reason. */
  const char *on(const kadre_backend *backend, std::vector<uint32_t> *c) const {
    c->assign(shape.m * shape.n, 0xdeadbeefu);
    kadre_task task = {};
    task.kernel = KADRE_GEMM_F32;
    const uint64_t extents[] = {shape.m, shape.n, shape.k, shape.k, shape.n};
    memcpy(task.extents, extents, sizeof extents);
    task.inputs[0] = a.data();
    task.inputs[1] = b.data();
    task.outputs[0] = c->data();
    return backend->run(backend, &task, 0, 1);
  }
};

/* Runs that differ from the CPU, or fail; prints a line if there are any. */
int compare(const kadre_backend *gpu, const Product &product, int kind, int repeats) {
  std::vector<uint32_t> expected, actual;
  const char *problem = product.on(best_cpu(), &expected);
  int different = 0;
  uint64_t elements = 0;
  for (int i = 0; i < repeats && problem == nullptr; i++) {
    problem = product.on(gpu, &actual);
    if (problem != nullptr || actual == expected) continue;
    different++;
    for (size_t at = 0; at < actual.size(); at++) elements += actual[at] != expected[at];
  }
  if (problem == nullptr && different == 0) return 0;
  printf("{\"backend\":\"%s\",\"m\":%llu,\"k\":%llu,\"n\":%llu,\"kind\":%d,\"runs\":%d,"
         "\"different\":%d,\"elements\":%llu,\"problem\":\"%s\"}\n",
         gpu->name, (unsigned long long)product.shape.m, (unsigned long long)product.shape.k,
         (unsigned long long)product.shape.n, kind, repeats, different,
         (unsigned long long)elements, problem == nullptr ? "" : problem);
  return different + (problem != nullptr);
}

struct Picture {
  /* x, y, span. */
  double region[3];
  /* Rows, width, first row, height, limit. */
  uint64_t extents[5];

  uint64_t points() const { return extents[0] * extents[1]; }
};

/* Edges of a block, several bands, counts that change with any one rounding, one step. */
const Picture PICTURES[] = {
    {{-0.75, 0, 3}, {1, 1, 0, 1, 100}},
    {{-0.75, 0, 3}, {23, 67, 0, 23, 100}},
    {{-0.743643887037151, 0.13182590420533, 1e-13}, {63, 129, 1, 65, 5000}},
    {{-0.75, 0.1, 0.5}, {1500, 2000, 7, 1600, 200}},
    {{4, -4, 8}, {1, 65536, 1, 2, 1}},
};

const char *draw(const kadre_backend *backend, const Picture &picture,
                 std::vector<uint32_t> *counts) {
  counts->assign(picture.points(), 0xdeadbeefu);
  kadre_task task = {};
  task.kernel = KADRE_MANDELBROT;
  memcpy(task.extents, picture.extents, sizeof picture.extents);
  task.inputs[0] = picture.region;
  task.input_bytes[0] = sizeof picture.region;
  task.outputs[0] = counts->data();
  return backend->run(backend, &task, 0, 1);
}

/* Runs that differ from the CPU, or fail; prints a line for each. */
int compare_pictures(const kadre_backend *gpu, double work_max, int repeats, int *runs) {
  int different = 0;
  for (const Picture &picture : PICTURES) {
    if ((double)picture.points() * (double)picture.extents[4] > work_max) continue;
    std::vector<uint32_t> expected, actual;
    const char *problem = draw(best_cpu(), picture, &expected);
    for (int i = 0; i < repeats; i++, ++*runs) {
      if (problem == nullptr) problem = draw(gpu, picture, &actual);
      if (problem == nullptr && actual == expected) continue;
      different++;
      printf("{\"backend\":\"%s\",\"kernel\":\"mandelbrot\",\"rows\":%llu,\"width\":%llu,"
             "\"problem\":\"%s\"}\n",
             gpu->name, (unsigned long long)picture.extents[0],
             (unsigned long long)picture.extents[1], problem == nullptr ? "" : problem);
    }
  }
  return different;
}

}  // namespace

std::vector<uint32_t> sample(int kind, uint64_t count, uint32_t seed) {
  std::vector<uint32_t> words(count);
  const uint32_t first = kind == 0 ? 120 : 50;
  for (uint32_t &word : words) {
    seed = next(seed);
    const uint32_t field = first + ((seed >> 23) & 0xff) % 16;
    word = kind == 1 ? seed : (seed & 0x807fffffu) | (field << 23);
  }
  return words;
}

int probe() {
  const double start = now_ms();
  const kadre::cuda::Machine &machine = kadre::cuda::machine();
  const double took = now_ms() - start;
  bool works = false;
  for (const auto &candidate : machine.candidates) {
    works = works || candidate.problem.empty();
    printf("{\"backend\":\"%s\",\"problem\":\"%s\",\"openMs\":%.1f}\n", candidate.name.c_str(),
           candidate.problem.c_str(), took);
  }
  for (const auto &gpu : machine.gpus) {
    printf("{\"backend\":\"%s\",\"model\":\"%s\",\"memory\":%llu,\"driver\":%d}\n",
           gpu.backend.c_str(), gpu.model.c_str(), (unsigned long long)gpu.memory, gpu.driver);
  }
  return works ? GOOD : NOT_HERE;
}

int bits(int repeats, double work_max) {
  std::vector<Shape> shapes(std::begin(FIXED), std::end(FIXED));
  uint32_t chance = 2463534242u;
  const auto extent = [&](uint32_t most) { return 1 + (chance = next(chance)) % most; };
  for (int i = 0; i < RANDOM_SHAPES; i++) shapes.push_back({extent(700), extent(400), extent(700)});
  int backends = 0, runs = 0, different = 0;
  for (const auto &candidate : kadre::cuda::machine().candidates) {
    if (!candidate.problem.empty()) continue;
    backends++;
    for (const Shape &shape : shapes) {
      if ((double)shape.m * (double)shape.k * (double)shape.n > work_max) continue;
      for (int kind = 0; kind < 3; kind++) {
        different += compare(candidate.backend, Product(shape, kind), kind, repeats);
        runs += repeats;
      }
    }
    different += compare_pictures(candidate.backend, work_max, repeats, &runs);
  }
  printf("{\"backends\":%d,\"shapes\":%zu,\"runs\":%d,\"different\":%d,\"against\":\"%s\"}\n",
         backends, shapes.size(), runs, different, best_cpu()->name);
  if (backends == 0) return NOT_HERE;
  return different == 0 ? GOOD : WRONG;
}

}  // namespace selftest
