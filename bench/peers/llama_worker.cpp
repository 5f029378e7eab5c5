// Does in llama.cpp or ik_llama.cpp what compare.sh asks for on standard input, one request a line, one JSON line back:
//   decode CACHE THREADS TOKENS SECONDS DEPTH,DEPTH    ->  {"decode": [{"depth": D, "steps_ms": [...]}, ...]}
//   batch CACHE THREADS TOKENS ROWS DEPTH              ->  {"steps_ms": [...], "cpu_ms": [...]}
//   prefill CACHE THREADS LENGTH                       ->  {"seconds": S, "cpu_seconds": S}
//   generate CACHE THREADS PROMPT NEW                  ->  {"seconds": S}
// CACHE is KEYS/VALUES/FLASH, such as f16/f16/off or q8_0/q8_0/on. A depth is reached with copies of the state of a short
// prompt: the cells, types and layout of a real one, so decoding takes as long; that of a batch by one real prompt. Not part of kvern's build; compare.sh
// compiles it against an installed libllama (--llama-prefix, --ik-prefix).
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "llama_interface.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStatePrompt = 64, kBatch = 2048, kMicroBatch = 512, kFirst = 0, kSpare = 1, kWarmUp = 2,
              kLeast = 2;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Processor time of all threads.
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

std::string list_of(const std::vector<double> &seconds) {
  std::ostringstream out;
  for (const double s : seconds) out << (out.tellp() > 0 ? ", " : "[") << s * 1e3;
  return out.str() + "]";
}

struct CacheKind {
  ggml_type keys, values;
  bool flash;
};

ggml_type type_of(const std::string &name) {
  for (int t = 0; t < GGML_TYPE_COUNT; ++t) {
    const char *known = ggml_type_name(static_cast<ggml_type>(t));
    if (known && name == known) return static_cast<ggml_type>(t);
  }
  throw std::runtime_error("no type " + name + " in " + peer::kName);
}

CacheKind parse_cache(const std::string &text) {
  std::istringstream in(text);
  std::string keys, values, flash;
  std::getline(in, keys, '/');
  std::getline(in, values, '/');
  std::getline(in, flash, '/');
  return {type_of(keys), type_of(values), flash == "on"};
}

struct FreeModel {
  void operator()(llama_model *model) const { peer::free_model(model); }
};
struct FreeContext {
  void operator()(llama_context *context) const { llama_free(context); }
};

/// A context of one cache kind with one sequence in it, or with several whose cells lie apart.
class Session {
 public:
  Session(llama_model *model, const CacheKind &kind, int tokens, int threads, int rows = 1) {
    auto parameters = llama_context_default_params();
    parameters.n_ctx = static_cast<uint32_t>(tokens * rows);
    parameters.n_batch = kBatch;
    parameters.n_ubatch = kMicroBatch;
    parameters.n_seq_max = static_cast<uint32_t>(std::max(rows, 2));
    peer::keep_apart(parameters, rows > 1);
    parameters.n_threads = parameters.n_threads_batch = threads;
    parameters.type_k = kind.keys;
    parameters.type_v = kind.values;
    peer::set_flash(parameters, kind.flash);
    context_.reset(llama_init_from_model(model, parameters));
    if (!context_) throw std::runtime_error(std::string(peer::kName) + " refuses this cache");
    vocabulary_ = llama_vocab_n_tokens(llama_model_get_vocab(model));
  }

  void feed(int n) {
    std::vector<llama_token> ids(static_cast<size_t>(n));
    for (auto &id : ids) id = next_++ % (vocabulary_ - 1);
    for (int i = 0; i < n; i += kBatch) decode(ids.data() + i, std::min(kBatch, n - i));
    llama_synchronize(context_.get());
  }

  /// One token of each of so many sequences.
  void feed_rows(int rows) {
    llama_batch batch = llama_batch_init(rows, 0, 1);
    batch.n_tokens = rows;
    for (int r = 0; r < rows; ++r) {
      batch.token[r] = next_++ % (vocabulary_ - 1);
      batch.pos[r] = peer::last_position(context_.get(), r) + 1;
      batch.n_seq_id[r] = 1;
      batch.seq_id[r][0] = r;
      batch.logits[r] = 1;
    }
    const bool done = llama_decode(context_.get(), batch) == 0;
    llama_batch_free(batch);
    check(done);
    llama_synchronize(context_.get());
  }

  /// One greedy token behind the last one.
  void generate_one() {
    const float *logits = llama_get_logits_ith(context_.get(), -1);
    llama_token id = 0;
    for (llama_token i = 1; i < vocabulary_; ++i)
      if (logits[i] > logits[id]) id = i;
    decode(&id, 1);
    llama_synchronize(context_.get());
  }

  void clear() { peer::clear(context_.get()); }

  std::vector<uint8_t> state() const { return peer::state_of(context_.get(), kFirst); }

  /// A state becomes what a sequence holds.
  void set(int row, const std::vector<uint8_t> &state) { check(peer::set_state(context_.get(), state, row)); }

  /// Puts a copy of a state beside what is there.
  void add(const std::vector<uint8_t> &state) {
    set(kSpare, state);
    peer::copy_row(context_.get(), kSpare, kFirst);
    peer::remove_row(context_.get(), kSpare);
  }

 private:
  static void check(bool ok) {
    if (!ok) throw std::runtime_error(std::string(peer::kName) + " could not do the step");
  }
  void decode(llama_token *ids, int n) {
    check(llama_decode(context_.get(), peer::batch_of(context_.get(), ids, n)) == 0);
  }

  std::unique_ptr<llama_context, FreeContext> context_;
  int vocabulary_ = 0;
  llama_token next_ = 0;
};

class Worker {
 public:
  explicit Worker(const char *path) : model_(peer::load(path)) {
    if (!model_) throw std::runtime_error(std::string(peer::kName) + " cannot load " + path);
  }

  std::string answer(const std::string &line) {
    std::istringstream in(line);
    std::string what, cache;
    int threads = 1;
    in >> what >> cache >> threads;
    const auto kind = parse_cache(cache);
    if (what == "decode") return decode(in, cache, kind, threads);
    if (what == "batch") return batch(in, cache, kind, threads);
    if (what == "prefill") return prefill(in, kind, threads);
    if (what == "generate") return generate(in, kind, threads);
    throw std::runtime_error("no request " + what);
  }

 private:
  const std::vector<uint8_t> &short_state(const std::string &cache, const CacheKind &kind, int threads) {
    auto &state = states_[cache];
    if (state.empty()) {
      Session session(model_.get(), kind, 2 * kStatePrompt, threads);
      session.feed(kStatePrompt);
      state = session.state();
    }
    return state;
  }

  /// The state of a real prompt: one that fits a context of several sequences cannot be put together from copies.
  const std::vector<uint8_t> &long_state(const std::string &cache, const CacheKind &kind, int threads,
                                         int rows, int depth) {
    auto &state = states_[cache + ' ' + std::to_string(rows) + ' ' + std::to_string(depth)];
    if (state.empty()) {
      Session session(model_.get(), kind, depth + kStatePrompt, threads, rows);
      session.feed(depth);
      state = session.state();
    }
    return state;
  }

  void fill(Session &session, const std::string &cache, const CacheKind &kind, int threads, int depth) {
    for (int n = depth; n >= kStatePrompt; n -= kStatePrompt) session.add(short_state(cache, kind, threads));
    if (depth % kStatePrompt) session.feed(depth % kStatePrompt);
  }

  std::string batch(std::istream &in, const std::string &cache, const CacheKind &kind, int threads) {
    int tokens = 0, rows = 0, depth = 0;
    in >> tokens >> rows >> depth;
    const int length = depth + kStatePrompt + kWarmUp + tokens;
    Session session(model_.get(), kind, length, threads, rows);
    if (rows == 1) {
      fill(session, cache, kind, threads, depth);
    } else {
      const auto &state = long_state(cache, kind, threads, rows, depth);
      for (int r = 0; r < rows; ++r) session.set(r, state);
    }
    std::vector<double> wall, cpu;
    for (int i = -kWarmUp; i < tokens; ++i) {
      const auto start = Clock::now();
      const double cpu_start = cpu_seconds();
      session.feed_rows(rows);
      if (i < 0) continue;
      wall.push_back(seconds_since(start));
      cpu.push_back(cpu_seconds() - cpu_start);
    }
    return "{\"steps_ms\": " + list_of(wall) + ", \"cpu_ms\": " + list_of(cpu) + "}";
  }

  std::string decode(std::istream &in, const std::string &cache, const CacheKind &kind, int threads) {
    int tokens = 0;
    double limit = 0;
    std::string depths;
    in >> tokens >> limit >> depths;
    std::istringstream list(depths);
    std::ostringstream out;
    out << "{\"decode\": [";
    bool first = true;
    for (std::string depth; std::getline(list, depth, ',');) {
      const int d = std::stoi(depth);
      Session session(model_.get(), kind, d + kStatePrompt + kWarmUp + tokens, threads);
      fill(session, cache, kind, threads, d);
      out << (first ? "" : ", ") << "{\"depth\": " << d << ", \"steps_ms\": " << steps(session, tokens, limit)
          << '}';
      first = false;
    }
    out << "]}";
    return out.str();
  }

  static std::string steps(Session &session, int tokens, double limit) {
    std::ostringstream out;
    const auto begin = Clock::now();
    for (int i = -kWarmUp; i < tokens && (i < kLeast || seconds_since(begin) < limit); ++i) {
      const auto start = Clock::now();
      session.feed(1);
      if (i >= 0) out << (i ? ", " : "[") << seconds_since(start) * 1e3;
    }
    return out.str() + "]";
  }

  std::string prefill(std::istream &in, const CacheKind &kind, int threads) {
    int n = 0;
    in >> n;
    Session session(model_.get(), kind, n + kStatePrompt, threads);
    session.feed(std::min(n, kStatePrompt));
    session.clear();
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    session.feed(n);
    return "{\"seconds\": " + std::to_string(seconds_since(start)) +
           ", \"cpu_seconds\": " + std::to_string(cpu_seconds() - cpu_start) + "}";
  }

  std::string generate(std::istream &in, const CacheKind &kind, int threads) {
    int prompt = 0, tokens = 0;
    in >> prompt >> tokens;
    Session session(model_.get(), kind, prompt + tokens, threads);
    const auto start = Clock::now();
    session.feed(prompt);
    for (int i = 1; i < tokens; ++i) session.generate_one();
    return "{\"seconds\": " + std::to_string(seconds_since(start)) + "}";
  }

  std::unique_ptr<llama_model, FreeModel> model_;
  std::map<std::string, std::vector<uint8_t>> states_;
};

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::cerr << "usage: llama_worker MODEL.gguf, requests on standard input\n";
    return 2;
  }
  llama_log_set(
      [](ggml_log_level level, const char *text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  llama_backend_init();
  try {
    Worker worker(argv[1]);
    std::cout << "{\"program\": \"" << peer::kName << "\"}" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      try {
        std::cout << worker.answer(line) << std::endl;
      } catch (const std::exception &e) {
        std::cout << "{\"error\": \"" << e.what() << "\"}" << std::endl;
      }
    }
  } catch (const std::exception &e) {
    std::cout << "{\"error\": \"" << e.what() << "\"}" << std::endl;
    return 1;
  }
}
