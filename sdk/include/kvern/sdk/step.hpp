// One forward pass as the cache sees it: kvern_step, owned and checked.
#pragma once
#include <kvern/sdk/failure.hpp>
#include <vector>

KVERN_SDK_BEGIN

/// Owned by the cache's InstanceBase: a cache may keep a pointer to it until the step ends. Reading a step allocates
/// nothing once the vectors have grown to the number of rows.
struct Step {
  int64_t rows = 0, n_new = 0, n_cross = 0;
  uint32_t flags = 0;
  std::vector<int64_t> row_pos;    ///< [rows] position of each row's first new token
  std::vector<int64_t> row_new;    ///< [rows] new tokens of each row, also where all have n_new
  bool ragged = false;             ///< some row has fewer than n_new
  std::vector<int64_t> row_cross;  ///< [rows] keys of CROSS layers of each row, also where all have n_cross
  void *stream = nullptr;

  bool tentative() const { return (flags & KVERN_STEP_TENTATIVE) != 0; }
  bool import() const { return (flags & KVERN_STEP_IMPORT) != 0; }

  /// As in the binary contract, to be forwarded to an inner cache; borrows from this object.
  kvern_step raw() const {
    return {sizeof(kvern_step),
            flags,
            rows,
            n_new,
            row_pos.data(),
            ragged ? row_new.data() : nullptr,
            n_cross,
            stream,
            (flags & KVERN_STEP_ROW_CROSS) != 0 ? row_cross.data() : nullptr};
  }

  /// INVALID_ARGUMENT for sizes that make no sense, UNSUPPORTED for a flag that is not known.
  void read(const kvern_step &theirs) {
    const kvern_step step = known_part(theirs);
    if (step.flags & ~(KVERN_STEP_TENTATIVE | KVERN_STEP_IMPORT | KVERN_STEP_ROW_CROSS)) {
      fail(KVERN_UNSUPPORTED, "the step has a flag that this plugin does not know: ", step.flags);
    }
    if (step.rows < 1 || step.n_new < 0 || step.n_cross < 0 || !step.row_pos) {
      fail(KVERN_INVALID_ARGUMENT, "a step of ", step.rows, " rows with ", step.n_new, " new tokens and ",
           step.n_cross, " of an encoder: at least one row with its position, and nothing negative");
    }
    product(step.rows, step.n_new, int64_t{1} << 16);
    product(step.rows, step.n_cross, int64_t{1} << 16);
    rows = step.rows, n_new = step.n_new, n_cross = step.n_cross;
    flags = step.flags;
    stream = step.stream;
    row_pos.assign(step.row_pos, step.row_pos + rows);
    ragged = false;
    if (!step.row_new) {
      row_new.assign(static_cast<std::size_t>(rows), n_new);
    } else {
      row_new.assign(step.row_new, step.row_new + rows);
    }
    for (int64_t row = 0; row < rows; ++row) check_row(row);
    read_cross(step);
  }

 private:
  void read_cross(const kvern_step &step) {
    const bool given = (flags & KVERN_STEP_ROW_CROSS) != 0;
    if (given && !step.row_cross) fail(KVERN_INVALID_ARGUMENT, "a step with ROW_CROSS has no row_cross");
    if (!given) return row_cross.assign(static_cast<std::size_t>(rows), n_cross);
    row_cross.assign(step.row_cross, step.row_cross + rows);
    for (int64_t row = 0; row < rows; ++row) {
      if (row_cross[row] >= 0 && row_cross[row] <= n_cross) continue;
      fail(KVERN_INVALID_ARGUMENT, "row ", row, " has ", row_cross[row], " keys of an encoder in a step of ",
           n_cross);
    }
  }

  void check_row(int64_t row) {
    const int64_t far = int64_t{1} << 40;
    const int64_t count = row_new[row], position = row_pos[row];
    if (count < 0 || count > n_new) {
      fail(KVERN_INVALID_ARGUMENT, "row ", row, " has ", count, " new tokens in a step of ", n_new);
    }
    if (position < -far || position > far) {
      fail(KVERN_INVALID_ARGUMENT, "row ", row, " begins at position ", position);
    }
    ragged = ragged || count != n_new;
  }
};

KVERN_SDK_END
