// What llama_worker.cpp asks of libllama, where llama.cpp and ik_llama.cpp (IK_LLAMA), which left it in 2024, have different names
// for it. Of several sequences llama.cpp keeps the cells apart; ik_llama.cpp has them in one cache, with a mask.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "llama.h"

namespace peer {

#ifdef IK_LLAMA

inline constexpr const char *kName = "ik_llama.cpp";

/// Rows of weights are interleaved while they are read (-rtr): its fastest.
inline llama_model *load(const char *path) {
  auto parameters = llama_model_default_params();
  parameters.repack_tensors = true;
  parameters.use_mmap = false;
  return llama_model_load_from_file(path, parameters);
}
inline void free_model(llama_model *model) { llama_free_model(model); }
inline void set_flash(llama_context_params &parameters, bool flash) { parameters.flash_attn = flash; }
inline void keep_apart(llama_context_params &, bool) {}

inline llama_pos last_position(llama_context *context, int row) {
  return llama_kv_cache_seq_pos_max(context, row);
}
inline void clear(llama_context *context) { llama_kv_cache_clear(context); }
inline void copy_row(llama_context *context, int from, int to) {
  llama_kv_cache_seq_cp(context, from, to, -1, -1);
}
inline void remove_row(llama_context *context, int row) { llama_kv_cache_seq_rm(context, row, -1, -1); }
inline llama_batch batch_of(llama_context *context, llama_token *ids, int n) {
  return llama_batch_get_one(ids, n, last_position(context, 0) + 1, 0);
}

inline std::vector<uint8_t> state_of(llama_context *context, int row) {
  std::vector<uint8_t> bytes(llama_state_seq_get_size(context, row, 0));
  llama_state_seq_get_data(context, bytes.data(), bytes.size(), row, 0);
  return bytes;
}
inline bool set_state(llama_context *context, const std::vector<uint8_t> &state, int row) {
  return llama_state_seq_set_data(context, state.data(), state.size(), row, 0) != 0;
}

#else

inline constexpr const char *kName = "llama.cpp";

inline llama_model *load(const char *path) {
  return llama_model_load_from_file(path, llama_model_default_params());
}
inline void free_model(llama_model *model) { llama_model_free(model); }
inline void set_flash(llama_context_params &parameters, bool flash) {
  parameters.flash_attn_type = flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
  parameters.no_perf = true;
}
inline void keep_apart(llama_context_params &parameters, bool apart) { parameters.kv_unified = !apart; }

inline llama_pos last_position(llama_context *context, int row) {
  return llama_memory_seq_pos_max(llama_get_memory(context), row);
}
inline void clear(llama_context *context) { llama_memory_clear(llama_get_memory(context), false); }
inline void copy_row(llama_context *context, int from, int to) {
  llama_memory_seq_cp(llama_get_memory(context), from, to, -1, -1);
}
inline void remove_row(llama_context *context, int row) {
  llama_memory_seq_rm(llama_get_memory(context), row, -1, -1);
}
inline llama_batch batch_of(llama_context *, llama_token *ids, int n) { return llama_batch_get_one(ids, n); }

inline std::vector<uint8_t> state_of(llama_context *context, int row) {
  std::vector<uint8_t> bytes(llama_state_seq_get_size(context, row));
  llama_state_seq_get_data(context, bytes.data(), bytes.size(), row);
  return bytes;
}
inline bool set_state(llama_context *context, const std::vector<uint8_t> &state, int row) {
  return llama_state_seq_set_data(context, state.data(), state.size(), row) != 0;
}

#endif

}  // namespace peer
