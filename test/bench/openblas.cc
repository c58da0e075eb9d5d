/*
 * The peer of the gemm benchmark. Arguments: N, P. For every line on standard input P binary32
 * matrix products of N x N by OpenBLAS, opened at run time; for every line one line with the
 * milliseconds of processor time that one of them took. The first line says which of its kernels it
 * uses.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef void (*sgemm_function)(int, int, int, int, int, int, float, const float *, int,
                               const float *, int, float, float *, int);

static double now_ms() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  const int n = atoi(arguments[1]), products = atoi(arguments[2]);
  void *library = dlopen("libopenblas.so.0", RTLD_NOW);
  if (library == nullptr) return 3;
  const sgemm_function sgemm = (sgemm_function)dlsym(library, "cblas_sgemm");
  char *(*config)() = (char *(*)())dlsym(library, "openblas_get_config");
  if (sgemm == nullptr || config == nullptr) return 3;
  const size_t elements = (size_t)n * (size_t)n;
  float *a = (float *)aligned_alloc(64, elements * 4);
  float *b = (float *)aligned_alloc(64, elements * 4);
  float *c = (float *)aligned_alloc(64, elements * 4);
  for (size_t i = 0; i < elements; i++) {
    a[i] = (float)(i * 7919 % 1000) / 500 - 1;
    b[i] = (float)(i * 104729 % 1000) / 500 - 1;
  }
  printf("%s\n", config());
  fflush(stdout);
  char line[16];
  while (fgets(line, sizeof line, stdin) != nullptr) {
    const double start = now_ms();
    for (int i = 0; i < products; i++) sgemm(101, 111, 111, n, n, n, 1, a, n, b, n, 0, c, n);
    printf("%.6f\n", (now_ms() - start) / products);
    fflush(stdout);
  }
  return 0;
}
