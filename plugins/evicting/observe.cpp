#include "plugins/evicting/observe.hpp"

#include "plugins/evicting/policy.hpp"

namespace kvern::evicting {
namespace {

constexpr DLDataType kSingle{kDLFloat, 32, 1};

}  // namespace

void StepMass::start(const sdk::Mover &mover, int64_t planes, int64_t rows, int64_t heads, int64_t slots) {
  rows_ = rows, heads_ = heads, slots_ = slots;
  mass_.assign(static_cast<std::size_t>(sdk::product(planes, rows, heads, slots)), 0.0f);
  if (!device_) return;
  sdk::Placed all(device_.fill({0, 0, planes}), place_, kSingle, {size()}, {1});
  mover.zero(all.out());
}

void StepMass::finish(const sdk::Mover &mover) {
  if (!device_ || !is_known()) return;
  const sdk::Placed from(const_cast<std::byte *>(device_.read()), place_, kSingle, {size()}, {1});
  sdk::Placed to(mass_.data(), {kDLCPU, 0}, kSingle, {size()}, {1});
  mover.copy(from.tensor(), to.out());
}

void Observer::attend(const RowRequest &request, bool tentative, StepMass &mass) const {
  attention_.clear(request.call, {request.row, 0, request.begin});
  attention_.clear(request.call, {request.row, request.end, request.call.q->shape[2]});
  const auto of = [&](int64_t plane) { return mass.is_known() ? mass.target(plane, request.row) : nullptr; };
  if (tentative && mass.is_known()) {
    for (int64_t i = request.begin; i < request.end; ++i) attend_columns(request, i, i + 1, of(i));
    return;
  }
  const int64_t observed = mass.is_known() ? observed_queries(settings_, request.end - request.begin) : 0;
  attend_columns(request, request.begin, request.end - observed, nullptr);
  attend_columns(request, request.end - observed, request.end, of(0));
}

}  // namespace kvern::evicting
