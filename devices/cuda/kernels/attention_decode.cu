// Attention of one new token a row over 16-bit keys: a block attends to its share of the keys for all query heads of one key head, so
// that keys are read once. They come through shared memory in the background, two tiles at a time.
#include "devices/cuda/kernels/attention.cuh"
#include "devices/cuda/kernels/product.cuh"

namespace kvern::device {
namespace {

constexpr int kThreads = 128, kTile = 32;

/// Lanes of a team hold 8 elements each of one key; the teams of a block go through a tile.
template <int kDim>
struct Teams {
  static constexpr int kLanes = kDim / 8, kCount = kThreads / kLanes, kEach = kTile / kCount;
  static_assert(kLanes <= 32 && kTile % kCount == 0);
};

constexpr int shared_bytes_of(int dim, int group) {
  const int tiles = 4 * kTile * dim * 2, sums = 4 * group * (dim + 2) * 4;
  return tiles > sums ? tiles : sums;
}

template <class Type>
__device__ void unpack(const uint16_t *from, float (&to)[8]) {
  const uint4 words = *reinterpret_cast<const uint4 *>(from);
  uint16_t bits[8];
  memcpy(bits, &words, 16);
#pragma unroll
  for (int i = 0; i < 8; ++i) to[i] = Type::number(bits[i]);
}

/// What a thread has of the softmax of each query head: its largest logit, mass, and 8 channels of the sum.
template <int kGroup>
struct Online {
  float most[kGroup], mass[kGroup], sum[kGroup][8];

  __device__ void clear() {
#pragma unroll
    for (int g = 0; g < kGroup; ++g) {
      most[g] = -INFINITY;
      mass[g] = 0.0f;
#pragma unroll
      for (int i = 0; i < 8; ++i) sum[g][i] = 0.0f;
    }
  }
  __device__ void rescale(int g, float top) {
    const float kept = weight_of(most[g], top);
    most[g] = top;
    mass[g] *= kept;
#pragma unroll
    for (int i = 0; i < 8; ++i) sum[g][i] *= kept;
  }
  /// Logits become weights.
  template <int kEach>
  __device__ void weigh(float (&logit)[kEach][kGroup]) {
#pragma unroll
    for (int g = 0; g < kGroup; ++g) {
      float top = most[g];
#pragma unroll
      for (int e = 0; e < kEach; ++e) top = fmaxf(top, logit[e][g]);
      rescale(g, top);
#pragma unroll
      for (int e = 0; e < kEach; ++e) {
        logit[e][g] = weight_of(logit[e][g], top);
        mass[g] += logit[e][g];
      }
    }
  }
  /// With the same channels of another thread.
  __device__ void join(int g, int step) {
    const float other = shuffle_xor(most[g], step), top = fmaxf(most[g], other);
    const float theirs = weight_of(other, top), mine = weight_of(most[g], top);
    most[g] = top;
    mass[g] = mass[g] * mine + shuffle_xor(mass[g], step) * theirs;
#pragma unroll
    for (int i = 0; i < 8; ++i) sum[g][i] = sum[g][i] * mine + shuffle_xor(sum[g][i], step) * theirs;
  }
};

/// The four warps' sums, to `part` and `part_lse`.
template <int kDim, int kGroup>
__device__ void put_parts(const AttentionWork &work, const Online<kGroup> &online, int64_t first_query) {
  using T = Teams<kDim>;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % T::kLanes;
  auto *sums = reinterpret_cast<float *>(shared_memory());  // [4 warps][kGroup][most, mass, kDim channels]
  if (thread % 32 < T::kLanes) {
#pragma unroll
    for (int g = 0; g < kGroup; ++g) {
      float *to = sums + (thread / 32 * kGroup + g) * (kDim + 2);
      if (lane == 0) {
        to[0] = online.most[g];
        to[1] = online.mass[g];
      }
#pragma unroll
      for (int i = 0; i < 8; ++i) to[2 + lane * 8 + i] = online.sum[g][i];
    }
  }
  sync_block();
  for (int i = thread; i < kGroup * kDim; i += kThreads) {
    const int g = i / kDim, d = i % kDim;
    float top = -INFINITY, mass = 0.0f, sum = 0.0f;
    for (int w = 0; w < 4; ++w) top = fmaxf(top, sums[(w * kGroup + g) * (kDim + 2)]);
    for (int w = 0; w < 4; ++w) {
      const float *from = sums + (w * kGroup + g) * (kDim + 2), share = weight_of(from[0], top);
      mass += from[1] * share;
      sum += from[2 + d] * share;
    }
    const int64_t part = (first_query + g) * work.splits + blockIdx.x;
    work.part[part * kDim + d] = mass != 0.0f ? sum / mass : 0.0f;
    if (d == 0) work.part_lse[part] = mass != 0.0f ? top + logf(mass) : -INFINITY;
  }
}

/// The keys [begin, begin + keys) of one key head, which a block attends to.
struct Share {
  int64_t begin, keys, tiles;
  const uint16_t *k, *v;
};

__device__ Share share_of(const kernels::AttentionCall &c, const Query &query) {
  const KeyRange range = range_of(c, query);
  const int64_t all = (range.end - range.begin + kTile - 1) / kTile, each = (all + gridDim.x - 1) / gridDim.x;
  const int64_t begin = range.begin + each * blockIdx.x * kTile;
  const int64_t left = range.end - begin < each * kTile ? range.end - begin : each * kTile;
  const int64_t keys = left > 0 ? left : 0;
  return {begin, keys, (keys + kTile - 1) / kTile,
          static_cast<const uint16_t *>(c.k) + blockIdx.z * c.k_stride.row + blockIdx.y * c.k_stride.head,
          static_cast<const uint16_t *>(c.v) + blockIdx.z * c.v_stride.row + blockIdx.y * c.v_stride.head};
}

/// Where a tile's keys are in shared memory [2 stages][keys, values][kTile][kDim]; its values are kTile * kDim behind.
template <int kDim>
__device__ uint16_t *stage_of(int64_t tile) {
  return reinterpret_cast<uint16_t *>(shared_memory()) + tile % 2 * (2 * kTile * kDim);
}

template <int kDim>
__device__ void fetch(const kernels::AttentionCall &c, const Share &share, int64_t tile) {
  using T = Teams<kDim>;
  uint16_t *to = stage_of<kDim>(tile);
  for (int i = static_cast<int>(threadIdx.x); i < kTile * T::kLanes; i += kThreads) {
    const int64_t key = tile * kTile + i / T::kLanes;
    const bool there = key < share.keys;
    const int64_t at = there ? share.begin + key : 0;
    copy_16(to + i * 8, share.k + at * c.k_stride.pos + i % T::kLanes * 8, there);
    copy_16(to + kTile * kDim + i * 8, share.v + at * c.v_stride.pos + i % T::kLanes * 8, there);
  }
}

/// 8 channels of each query head.
template <int kDim, int kGroup>
__device__ void load_queries(const kernels::AttentionCall &c, float (&q)[kGroup][8]) {
  const int lane = static_cast<int>(threadIdx.x) % Teams<kDim>::kLanes;
#pragma unroll
  for (int g = 0; g < kGroup; ++g) {
    const int64_t at =
        blockIdx.z * c.q_stride.row + (int64_t{blockIdx.y} * kGroup + g) * c.q_stride.head + lane * 8;
#pragma unroll
    for (int i = 0; i < 8; ++i) q[g][i] = load(c.q, c.q_type, at + i) * c.scale;
  }
}

/// Of the keys of a tile that this team has: the logits of each query head.
template <class Type, int kDim, int kGroup>
__device__ void logits_of(const kernels::AttentionCall &c, const Query &query, const Share &share,
                          int64_t tile, const float (&q)[kGroup][8],
                          float (&logit)[Teams<kDim>::kEach][kGroup]) {
  using T = Teams<kDim>;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % T::kLanes, team = thread / T::kLanes;
#pragma unroll
  for (int e = 0; e < T::kEach; ++e) {
    const int64_t key = tile * kTile + e * T::kCount + team;
    float x[8];
    unpack<Type>(stage_of<kDim>(tile) + (e * T::kCount + team) * kDim + lane * 8, x);
    const bool seen = key < share.keys && sees(c, query, share.begin + key);
#pragma unroll
    for (int g = 0; g < kGroup; ++g) {
      float dot = 0.0f;
#pragma unroll
      for (int i = 0; i < 8; ++i) dot += q[g][i] * x[i];
#pragma unroll
      for (int step = T::kLanes / 2; step > 0; step /= 2) dot += shuffle_xor(dot, step);
      if (c.softcap != 0.0f) dot = c.softcap * tanhf(dot / c.softcap);
      logit[e][g] = seen ? dot : -INFINITY;
    }
  }
}

template <class Type, int kDim, int kGroup>
__device__ void add_values(int64_t tile, const float (&weight)[Teams<kDim>::kEach][kGroup],
                           Online<kGroup> &online) {
  using T = Teams<kDim>;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % T::kLanes, team = thread / T::kLanes;
#pragma unroll
  for (int e = 0; e < T::kEach; ++e) {
    float x[8];
    unpack<Type>(stage_of<kDim>(tile) + kTile * kDim + (e * T::kCount + team) * kDim + lane * 8, x);
#pragma unroll
    for (int i = 0; i < 8; ++i)
#pragma unroll
      for (int g = 0; g < kGroup; ++g)
        if (weight[e][g] != 0.0f) online.sum[g][i] += weight[e][g] * x[i];
  }
}

/// Grid: splits, key heads, rows.
template <class Type, int kDim, int kGroup>
__global__ void __launch_bounds__(kThreads) attend_decode(const AttentionWork work) {
  using T = Teams<kDim>;
  const kernels::AttentionCall &c = work.c;
  const int64_t first_query = int64_t{blockIdx.z} * c.q_heads + int64_t{blockIdx.y} * kGroup;
  const Query query = query_of(c, first_query);
  const Share share = share_of(c, query);
  float q[kGroup][8];
  load_queries<kDim, kGroup>(c, q);
  Online<kGroup> online;
  online.clear();

  if (share.tiles > 0) fetch<kDim>(c, share, 0);
  copy_commit();
  for (int64_t tile = 0; tile < share.tiles; ++tile) {
    if (tile + 1 < share.tiles) fetch<kDim>(c, share, tile + 1);
    copy_commit();
    copy_wait<1>();  // no barrier: every thread reads the 16 bytes that it fetched itself
    float logit[T::kEach][kGroup];
    logits_of<Type, kDim, kGroup>(c, query, share, tile, q, logit);
    online.weigh(logit);
    add_values<Type, kDim, kGroup>(tile, logit, online);
  }
  copy_wait<0>();
  sync_block();  // the tiles become sums
#pragma unroll
  for (int g = 0; g < kGroup; ++g)
#pragma unroll
    for (int step = T::kLanes; step < 32; step *= 2) online.join(g, step);
  put_parts<kDim, kGroup>(work, online, first_query);
}

template <class Type, int kDim, int kGroup>
void launch_shape(const AttentionWork &work, void *stream) {
  const dim3 grid(static_cast<unsigned>(work.splits), static_cast<unsigned>(work.c.kv_heads),
                  static_cast<unsigned>(work.c.rows));
  launch(&attend_decode<Type, kDim, kGroup>, grid, kThreads, shared_bytes_of(kDim, kGroup), stream, work);
}

template <class Type, int kDim>
void launch_group(const AttentionWork &work, void *stream) {
  const int64_t group = work.c.q_heads / work.c.kv_heads;
  if (group == 1) return launch_shape<Type, kDim, 1>(work, stream);
  if (group == 2) return launch_shape<Type, kDim, 2>(work, stream);
  launch_shape<Type, kDim, 4>(work, stream);
}

template <class Type>
void launch_dim(const AttentionWork &work, void *stream) {
  if (work.c.dim_k == 64) return launch_group<Type, 64>(work, stream);
  if (work.c.dim_k == 128) return launch_group<Type, 128>(work, stream);
  launch_group<Type, 256>(work, stream);
}

bool aligned(const void *data, const kernels::AttentionStrides &strides) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && strides.row % 8 == 0 && strides.head % 8 == 0 &&
         strides.pos % 8 == 0;
}

}  // namespace

bool decodes(const kernels::AttentionCall &c) {
  const int64_t group = c.kv_heads ? c.q_heads / c.kv_heads : 0;
  const bool shape = c.dim_k == c.dim_v && (c.dim_k == 64 || c.dim_k == 128 || c.dim_k == 256) &&
                     c.n_new == 1 && (group == 1 || group == 2 || group == 4) && c.rows < 65536 &&
                     c.kv_heads < 65536;
  return shape && c.kv_type != Dtype::f32 && !c.bias && aligned(c.k, c.k_stride) && aligned(c.v, c.v_stride);
}

void launch_attention_decode(const AttentionWork &work, void *stream) {
  if (work.c.kv_type == Dtype::bf16) return launch_dim<Bf16>(work, stream);
  launch_dim<F16>(work, stream);
}

}  // namespace kvern::device
