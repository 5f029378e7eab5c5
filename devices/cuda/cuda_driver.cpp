// The driver of a card: the CUDA runtime, linked statically, so that the library loads where there is no driver.
#include <cuda_runtime.h>

#include "devices/cuda/driver.hpp"

namespace kvern::device {
namespace {

constexpr int kOldestMajor = 8;  // sm_80

void check(cudaError_t status, const char *what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // it is reported once
  throw DeviceFailure(std::string(what) + ": " + cudaGetErrorString(status));
}

cudaStream_t stream_of(void *stream) { return static_cast<cudaStream_t>(stream); }
cudaEvent_t event_of(void *event) { return static_cast<cudaEvent_t>(event); }

class CudaDriver final : public Driver {
 public:
  CudaDriver(int number, int multiprocessors) : number_(number), multiprocessors_(multiprocessors) {
    // what is given back stays with the process until it is taken again
    cudaMemPool_t pool{};
    check(cudaDeviceGetDefaultMemPool(&pool, number), "the card's memory pool");
    uint64_t all = UINT64_MAX;
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all), "the card's memory pool");
  }
  int multiprocessors() const override { return multiprocessors_; }
  void use() noexcept override { cudaSetDevice(number_); }  // a failure shows in the call that follows

  void *make_stream() override {
    cudaStream_t stream{};
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
    return stream;
  }
  void finish(void *stream) override {
    check(cudaGetLastError(), "a kernel's launch");
    check(cudaStreamSynchronize(stream_of(stream)), "the card's work");
  }

  void *take(std::size_t bytes, void *stream) override {
    void *data = nullptr;
    const cudaError_t status = cudaMallocAsync(&data, bytes, stream_of(stream));
    if (status == cudaErrorMemoryAllocation) return cudaGetLastError(), nullptr;
    check(status, "memory of the card");
    return data;
  }
  void give_back(void *data, void *stream) override { cudaFreeAsync(data, stream_of(stream)); }
  void *take_pinned(std::size_t bytes) override {
    void *data = nullptr;
    const cudaError_t status = cudaMallocHost(&data, bytes);
    if (status == cudaErrorMemoryAllocation) return cudaGetLastError(), nullptr;
    check(status, "pinned memory");
    return data;
  }
  void give_back_pinned(void *data, void *stream) override {
    cudaStreamSynchronize(stream_of(stream));
    cudaFreeHost(data);
  }
  void copy(const void *from, void *to, std::size_t bytes, void *stream) override {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_of(stream)), "a copy");
    cudaPointerAttributes place{};
    check(cudaPointerGetAttributes(&place, to), "a copy");
    if (place.type == cudaMemoryTypeUnregistered) finish(stream);
  }

  void *make_event() override {
    cudaEvent_t event{};
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
    return event;
  }
  void free_event(void *event) override { cudaEventDestroy(event_of(event)); }
  void record(void *event, void *stream) override {
    check(cudaEventRecord(event_of(event), stream_of(stream)), "an event");
  }
  void wait(void *stream, void *event) override {
    check(cudaStreamWaitEvent(stream_of(stream), event_of(event), 0), "an event");
  }

 private:
  int number_, multiprocessors_;
};

}  // namespace

std::unique_ptr<Driver> open_driver(int number) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
    throw DeviceFailure("there is a CUDA driver, but no card");
  if (status != cudaSuccess) {
    cudaGetLastError();
    throw DeviceFailure(std::string("there is no CUDA driver that works here: ") +
                        cudaGetErrorString(status));
  }
  if (number >= count)
    throw DeviceFailure("there is no card of this number: there are " + std::to_string(count) +
                        ", from 0 on");
  cudaDeviceProp card{};
  check(cudaGetDeviceProperties(&card, number), "the card's properties");
  if (card.major < kOldestMajor)
    throw DeviceFailure(std::string(card.name) + " is too old: its compute capability is " +
                        std::to_string(card.major) + "." + std::to_string(card.minor) +
                        ", and kvern's kernels need 8.0");
  check(cudaSetDevice(number), "the card");
  return std::make_unique<CudaDriver>(number, card.multiProcessorCount);
}

}  // namespace kvern::device
