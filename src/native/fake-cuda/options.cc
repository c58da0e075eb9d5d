/* Reads what KADRE_FAKE_CUDA asks for, once per process. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

#include <sstream>

namespace fake {
namespace {

void set(Options *options, const std::string &name, const std::string &value) {
  const uint64_t number = strtoull(value.c_str(), nullptr, 10);
  if (name == "devices") {
    options->devices.clear();
    std::istringstream list(value);
    for (std::string one; std::getline(list, one, '+');) options->devices.push_back(stoi(one));
  } else if (name == "memory") options->memory = number;
  else if (name == "pools") options->pools = number != 0;
  else if (name == "multiprocessors") options->multiprocessors = static_cast<int>(number);
  else if (name == "init") options->init = static_cast<int>(number);
  else if (name == "fatbin") options->fatbin = static_cast<int>(number);
  else if (name == "ptx") options->ptx = static_cast<int>(number);
  else if (name == "fault") options->fault = number;
  else if (name == "hang") options->hang = number;
  else if (name == "once") options->once = value;
  else if (name == "wrong") options->wrong = number != 0;
  else if (name == "seed") options->seed = number;
  else if (name == "lazy") options->lazy = number != 0;
  else if (name == "log") options->log = value;
  else if (name == "copies") options->copies = value;
  else {
    fprintf(stderr, "KADRE_FAKE_CUDA: no option %s\n", name.c_str());
    abort();
  }
}

Options parse() {
  Options options;
  const char *text = getenv("KADRE_FAKE_CUDA");
  std::istringstream list(text == nullptr ? "" : text);
  for (std::string item; std::getline(list, item, ',');) {
    const size_t equals = item.find('=');
    const bool has_value = equals != std::string::npos;
    set(&options, item.substr(0, equals), has_value ? item.substr(equals + 1) : "1");
  }
  return options;
}

}  // namespace

const Options &options() {
  static const Options known = parse();
  return known;
}

}  // namespace fake
