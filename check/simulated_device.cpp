// Streams and events. The functions of kvern.device/1 are in simulated_device_table.cpp.
#include "check/simulated_device.hpp"

#include <algorithm>

#include "check/simulated_stream.hpp"

namespace kvern::conformance {

SimulatedDevice::SimulatedDevice(const Schedule &schedule, std::vector<std::string> &violations)
    : violations_(violations),
      memory_(violations),
      random_(schedule.seed * 0x9E3779B97F4A7C15ull + 1),
      eagerness_(schedule.eagerness) {
  for (int name = to_device; name <= main; ++name) streams_.push_back(std::make_unique<Stream>());
  fill_table();
}

SimulatedDevice::~SimulatedDevice() = default;

void *SimulatedDevice::stream(StreamName name) { return streams_[name].get(); }

std::byte *SimulatedDevice::take(int64_t bytes, DLDeviceType place) {
  std::byte *made = memory_.take(bytes, place);
  push(stream(main), {[this, made] { memory_.arrive(made); }, nullptr, 0});
  return made;
}

void SimulatedDevice::give_back(std::byte *address) {
  push(stream(main), {[this, address] { memory_.give_back(address); }, nullptr, 0});
}

std::byte *SimulatedDevice::upload(const DLTensor &from) {
  const Strided source(from);
  std::byte *made = take(source.elements() * source.element(), kDLCUDA);
  DLTensor to = from;
  to.data = made, to.byte_offset = 0, to.strides = nullptr;
  const Strided target(to);
  launch(stream(main), "the test", {target},
         [target, elements = source.read()] { target.write(elements.data()); });
  return made;
}

void SimulatedDevice::download(const DLTensor &from, const DLTensor &to) {
  const Strided source(from), target(to);
  launch(stream(main), "the test", {source}, [source, target] { target.write(source.read().data()); });
}

void SimulatedDevice::run(void *stream, const char *what, const std::vector<DLTensor> &uses,
                          const std::function<void()> &work) {
  std::vector<Strided> tensors;
  for (const DLTensor &tensor : uses) {
    const Strided &used = tensors.emplace_back(tensor);
    if (used.empty() || memory_.place(used.data) == kDLCUDA) continue;
    violations_.push_back(std::string(what) + ": a tensor that is not on the device");
    return;
  }
  std::erase_if(tensors, [](const Strided &tensor) { return tensor.empty(); });
  launch(stream, what, std::move(tensors), work);
}

void SimulatedDevice::launch(void *stream, const char *what, std::vector<Strided> uses, Run run) {
  const auto guarded = [this, what, uses = std::move(uses), run = std::move(run)] {
    const bool open = std::all_of(uses.begin(), uses.end(), [&](const Strided &tensor) {
      return memory_.open(tensor.data, tensor.end(), what);
    });
    if (open) run();
    memory_.close();
  };
  push(stream, {guarded, nullptr, 0});
}

void SimulatedDevice::push(void *stream, Work work) {
  static_cast<Stream *>(stream)->work.push_back(std::move(work));
  while (draw(100) < eagerness_ && do_some()) {
  }
}

kvern_status SimulatedDevice::record(kvern_event *event, void *stream) {
  auto *recorded = reinterpret_cast<Event *>(event);
  const int number = ++recorded->recorded;
  push(stream, {[recorded, number] { recorded->done = number; }, nullptr, 0});
  return KVERN_OK;
}

kvern_status SimulatedDevice::wait(void *stream, kvern_event *event) {
  auto *awaited = reinterpret_cast<Event *>(event);
  if (stream != deaf_) push(stream, {{}, awaited, awaited->recorded});
  return KVERN_OK;
}

void SimulatedDevice::finish(void *stream) {
  while (!static_cast<Stream *>(stream)->work.empty()) {
    if (do_some()) continue;
    violations_.emplace_back("streams wait for each other");
    return static_cast<Stream *>(stream)->work.clear();
  }
}

bool SimulatedDevice::do_some() {
  const auto count = static_cast<int>(streams_.size());
  const int first = draw(count);
  for (int i = 0; i < count; ++i) {
    std::deque<Work> &work = streams_[(first + i) % count]->work;
    if (work.empty() || !work.front().ready()) continue;
    const Work next = std::move(work.front());
    work.pop_front();
    if (next.run) next.run();
    return true;
  }
  return false;
}

int SimulatedDevice::draw(int below) {
  random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<int>((random_ >> 33) % static_cast<uint64_t>(below));
}

}  // namespace kvern::conformance
