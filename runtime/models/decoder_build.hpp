// From names to the weights in their places. Used while a Decoder is made.
#pragma once
#include <kvern/cache.hpp>
#include <string>
#include <vector>

#include "runtime/models/block.hpp"
#include "runtime/models/decoder_config.hpp"
#include "runtime/models/weight_reader.hpp"

namespace kvern::models {

/// What a cache is told of each layer.
std::vector<LayerSpec> layer_specs(const DecoderConfig &config);

/// Borrows everything; each function throws what WeightReader::read throws.
class DecoderBuilder {
 public:
  DecoderBuilder(const DecoderConfig &config, const DecoderNames &names, WeightReader &reader,
                 const Rope *rope);

  Weight embedding() const;
  Weight positions() const;  ///< empty if there is no table of positions
  NormWeights final_norm() const;
  Matrix head() const;
  Block block(size_t layer) const;

 private:
  NormWeights norm(const std::string &name, const Axis &axis) const;
  Matrix matrix(const std::string &name, const Axis &out, const Axis &in, bool bias, bool transposed) const;
  Projection projection(const std::string &prefix, const ProjectionNames &names,
                        const std::vector<Axis> &outs, const Axis &in) const;

  const DecoderConfig &config_;
  const DecoderNames &names_;
  WeightReader &reader_;
  const Rope *rope_;
  std::string prefix_;  // under which the file has all but the head
};

}  // namespace kvern::models
