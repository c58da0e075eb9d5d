/*
 * The addon: which backends work here, and running kernel calls on them, on the calling thread or
 * on the addon's own. The JavaScript side is src/compute/addon.ts, which declares these functions.
 */
#include <napi.h>

#include <cmath>
#include <memory>
#include <string>

#include "../backend.h"
#include "../cpu/rounding.h"
#include "../cuda/backend.h"
#include "../federated/binding.h"
#include "pool.h"
#include "task.h"

namespace {

/* Of this file's functions and their arguments; src/compute/addon.ts refuses another number. */
const double INTERFACE_VERSION = 4;

struct Candidate {
  const kadre_backend *backend;
  /* Runs before the backend's own code, which may use instructions that this CPU lacks. */
  const char *(*cpu_problem)();
};

const char *no_problem() { return nullptr; }

#ifdef KADRE_HAVE_AVX2
const char *avx2_problem() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? nullptr : "no-avx2-fma";
}
#endif

#ifdef KADRE_HAVE_AVX512
const char *avx512_problem() { return __builtin_cpu_supports("avx512f") ? nullptr : "no-avx512f"; }
#endif

const Candidate CANDIDATES[] = {
#ifdef KADRE_HAVE_AVX512
    {&kadre_cpu_avx512, avx512_problem},
#endif
#ifdef KADRE_HAVE_AVX2
    {&kadre_cpu_avx2, avx2_problem},
#endif
    {&kadre_cpu_generic, no_problem},
};
const size_t CANDIDATE_COUNT = sizeof CANDIDATES / sizeof CANDIDATES[0];

struct Job {
  kadre::PoolTask task;
  Napi::Promise::Deferred deferred;
  /* The argument lists: they keep every buffer alive while threads use it. */
  Napi::ObjectReference inputs, outputs;
};

void settle(Napi::Env env, Napi::Function, struct State *state, Job *job);
using Completion = Napi::TypedThreadSafeFunction<struct State, Job, settle>;

struct State {
  const char *problems[CANDIDATE_COUNT];
  std::unique_ptr<kadre::Pool> pool;
  Completion completion;
  /* Jobs under way; only while there are some does the addon keep the process alive. */
  uint32_t running = 0;
  bool gpus_asked_for = false;

  State() {
    for (size_t i = 0; i < CANDIDATE_COUNT; i++) {
      problems[i] = CANDIDATES[i].cpu_problem();
      if (problems[i] == nullptr) problems[i] = CANDIDATES[i].backend->probe();
    }
  }
};

void settle(Napi::Env env, Napi::Function, State *state, Job *job) {
  std::unique_ptr<Job> owned(job);
  if (env == nullptr) return;
  if (--state->running == 0) state->completion.Unref(env);
  const char *problem = job->task.problem.load();
  if (problem == nullptr) {
    job->deferred.Resolve(env.Undefined());
  } else {
    job->deferred.Reject(Napi::Error::New(env, problem).Value());
  }
}

Napi::Value fail(Napi::Env env, const std::string &message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

/* Argument 0 of run and runNow: the name of a backend that works here. */
const kadre_backend *find_backend(const Napi::CallbackInfo &info, const State &state) {
  if (info.Length() == 0 || !info[0].IsString()) return nullptr;
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  for (size_t i = 0; i < CANDIDATE_COUNT; i++) {
    if (name == CANDIDATES[i].backend->name && state.problems[i] == nullptr) {
      return CANDIDATES[i].backend;
    }
  }
  if (!state.gpus_asked_for) return nullptr;
  for (const auto &candidate : kadre::cuda::machine().candidates) {
    if (name == candidate.name && candidate.problem.empty()) return candidate.backend;
  }
  return nullptr;
}

void add_backend(Napi::Array list, const char *name, const char *problem) {
  const Napi::Env env = list.Env();
  Napi::Object item = Napi::Object::New(env);
  item.Set("name", name);
  const Napi::Value reason = problem == nullptr ? env.Null() : Napi::String::New(env, problem);
  item.Set("problem", reason);
  list.Set(list.Length(), item);
}

/*
 * backends(gpu): [{name, problem}], best first; problem is null for one that works. GPUs only when
 * `gpu` is true: looking for them opens a context on each, for the rest of the process's life.
 */
Napi::Value backends(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  State &state = *env.GetInstanceData<State>();
  Napi::Array list = Napi::Array::New(env);
  if (info.Length() > 0 && info[0].ToBoolean()) {
    state.gpus_asked_for = true;
    for (const auto &candidate : kadre::cuda::machine().candidates) {
      const bool works = candidate.problem.empty();
      add_backend(list, candidate.name.c_str(), works ? nullptr : candidate.problem.c_str());
    }
  }
  for (size_t i = 0; i < CANDIDATE_COUNT; i++) {
    add_backend(list, CANDIDATES[i].backend->name, state.problems[i]);
  }
  return list;
}

/* gpus(): [{backend, model, capability, memory, driver}], of backends that work, once asked for. */
Napi::Value gpus(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  if (!env.GetInstanceData<State>()->gpus_asked_for) return list;
  for (const auto &gpu : kadre::cuda::machine().gpus) {
    Napi::Object item = Napi::Object::New(env);
    item.Set("backend", gpu.backend);
    item.Set("model", gpu.model);
    item.Set("capability", gpu.capability);
    item.Set("memory", static_cast<double>(gpu.memory));
    item.Set("driver", gpu.driver);
    list.Set(list.Length(), item);
  }
  return list;
}

/* cpuFeatures(): the instruction sets of this processor that variants exist or may exist for. */
Napi::Value cpu_features(const Napi::CallbackInfo &info) {
  Napi::Array list = Napi::Array::New(info.Env());
  uint32_t count = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) list.Set(count++, "avx2");
  if (__builtin_cpu_supports("fma")) list.Set(count++, "fma");
  if (__builtin_cpu_supports("avx512f")) list.Set(count++, "avx512f");
  if (__builtin_cpu_supports("avx512vnni")) list.Set(count++, "avx512vnni");
#elif defined(__aarch64__)
  list.Set(count++, "neon");
#endif
  (void)count;
  return list;
}

/* startThreads(count): the pool's size, once, before the first run. Returns how many there are. */
Napi::Value start_threads(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  State &state = *env.GetInstanceData<State>();
  if (info.Length() < 1 || !info[0].IsNumber()) return fail(env, "a thread count is needed");
  const uint32_t count = info[0].As<Napi::Number>().Uint32Value();
  if (count < 1 || count > 1024) return fail(env, "the thread count is not in 1..1024");
  if (state.pool != nullptr) return fail(env, "the threads are already started");
  try {
    state.pool = std::make_unique<kadre::Pool>(count);
  } catch (const std::exception &error) {
    return fail(env, std::string("no thread could be started: ") + error.what());
  }
  return Napi::Number::New(env, state.pool->threads());
}

/* runNow(backend, kernel, extents, inputs, outputs): on this thread; for calls of microseconds. */
Napi::Value run_now(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const kadre_backend *backend = find_backend(info, *env.GetInstanceData<State>());
  if (backend == nullptr) return fail(env, "no such backend works here");
  kadre_task task;
  const char *problem = kadre::read_task(info, 1, &task);
  if (problem != nullptr) return fail(env, problem);
  problem = backend->run(backend, &task, 0, 1);
  return problem == nullptr ? env.Undefined() : fail(env, problem);
}

/* run(backend, kernel, extents, inputs, outputs): a promise; the pool's threads do the work. */
Napi::Value run(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  State &state = *env.GetInstanceData<State>();
  const kadre_backend *backend = find_backend(info, state);
  if (backend == nullptr) return fail(env, "no such backend works here");
  if (state.pool == nullptr) return fail(env, "the threads are not started");
  kadre_task task;
  const char *problem = kadre::read_task(info, 1, &task);
  if (problem != nullptr) return fail(env, problem);
  Job *job = new Job{{}, Napi::Promise::Deferred::New(env), {}, {}};
  job->inputs = Napi::Persistent(info[3].As<Napi::Object>());
  job->outputs = Napi::Persistent(info[4].As<Napi::Object>());
  job->task.backend = backend;
  job->task.task = task;
  job->task.parts = backend->parts(backend, &task, state.pool->threads());
  job->task.unfinished.store(job->task.parts);
  const Completion completion = state.completion;
  job->task.done = [job, completion](kadre::PoolTask *) { completion.NonBlockingCall(job); };
  if (state.running++ == 0) state.completion.Ref(env);
  const Napi::Value promise = job->deferred.Promise();
  state.pool->submit(&job->task);
  return promise;
}

/* fma(a, b, c, out): element-wise fmaf over Float32Arrays; the oracle of the reference's tests. */
Napi::Value fma_many(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  float *data[4];
  size_t length = 0;
  for (size_t i = 0; i < 4; i++) {
    if (info.Length() < 4 || !info[i].IsTypedArray() ||
        info[i].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
      return fail(env, "four Float32Arrays are needed");
    }
    Napi::Float32Array array = info[i].As<Napi::Float32Array>();
    if (i > 0 && array.ElementLength() != length) return fail(env, "the lengths differ");
    length = array.ElementLength();
    data[i] = array.Data();
  }
  const kadre_fp_mode saved = kadre_fp_enter();
  for (size_t i = 0; i < length; i++) data[3][i] = std::fmaf(data[0][i], data[1][i], data[2][i]);
  kadre_fp_leave(saved);
  return env.Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  State *state = new State();
  state->completion = Completion::New(env, "kadre", 0, 1, state);
  state->completion.Unref(env);
  env.SetInstanceData(state);
  exports.Set("interfaceVersion", INTERFACE_VERSION);
  exports.Set("backends", Napi::Function::New<backends>(env));
  exports.Set("gpus", Napi::Function::New<gpus>(env));
  exports.Set("cpuFeatures", Napi::Function::New<cpu_features>(env));
  exports.Set("startThreads", Napi::Function::New<start_threads>(env));
  exports.Set("runNow", Napi::Function::New<run_now>(env));
  exports.Set("run", Napi::Function::New<run>(env));
  exports.Set("fma", Napi::Function::New<fma_many>(env));
  exports.Set("codecs", kadre::federated_codecs(env));
  exports.Set("rounds", kadre::federated_rounds(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(kadre, init)
