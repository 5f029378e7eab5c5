#include "tests/support/test.hpp"

#include <kvern/dtype.hpp>
#include <kvern/error.hpp>

using namespace kvern;

TEST_CASE("Every number format survives the way to DLPack and back") {
  for (const Dtype t : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32, Dtype::u8}) {
    CHECK(from_dlpack(to_dlpack(t)) == t);
    CHECK(to_dlpack(t).bits == 8 * dtype_size(t));
  }
  CHECK(to_dlpack(Dtype::f16).code != to_dlpack(Dtype::bf16).code);
}

TEST_CASE("A number format of others is refused by name") {
  CHECK_THROWS_WITH(from_dlpack({kDLInt, 4, 2}), "no number format of kvern is int4x2");
  CHECK_THROWS_AS(from_dlpack({kDLFloat, 64, 1}), Error);
}

TEST_CASE("Float formats go by the names people write") {
  CHECK(float_dtype_from_name("fp16") == Dtype::f16);
  CHECK(float_dtype_from_name("half") == Dtype::f16);
  CHECK(float_dtype_from_name("bf16") == Dtype::bf16);
  CHECK(float_dtype_from_name(dtype_name(Dtype::f32)) == Dtype::f32);
  CHECK_FALSE(float_dtype_from_name("int64").has_value());
  CHECK_FALSE(float_dtype_from_name("").has_value());
}
