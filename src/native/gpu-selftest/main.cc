/* Picks the step of the GPU self-test that the arguments name; see USAGE. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "steps.h"

static const char USAGE[] =
    "kadre-gpu-selftest probe | bits [repeats [work]] | speed [extent] | fault | hang\n"
    "work: multiply-adds of the largest product; exit codes: 0 good, 1 wrong, 3 no GPU\n";

int main(int count, char **arguments) {
  const char *step = count > 1 ? arguments[1] : "";
  const int number = count > 2 ? atoi(arguments[2]) : 0;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  if (strcmp(step, "probe") == 0) return selftest::probe();
  if (strcmp(step, "bits") == 0) {
    const double work_max = count > 3 ? atof(arguments[3]) : 1e12;
    return selftest::bits(number > 0 ? number : 20, work_max);
  }
  if (strcmp(step, "speed") == 0) {
    return selftest::speed(number > 0 ? static_cast<unsigned>(number) : 8192u);
  }
  if (strcmp(step, "fault") == 0) return selftest::fault();
  if (strcmp(step, "hang") == 0) return selftest::hang();
  fputs(USAGE, stderr);
  return 2;
}
