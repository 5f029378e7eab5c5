// The KernelTable of this instruction set, without bf16 products. Not self-contained: included by
// level_*.cpp.

static constexpr KernelTable make_kernel_table() {
  KernelTable ops{};
  ops.width = kWidth;
  ops.order_pairs = order_pairs;
  ops.restore_pairs = restore_pairs;
  ops.dot_rows = dot_rows;
  ops.sum_rows = sum_rows;
  ops.sum_long_rows = sum_long_rows;
  ops.softmax = softmax;
  ops.softcap = softcap;
  ops.scale = scale;
  ops.pack_columns = pack_columns;
  ops.pack_rows = pack_rows;
  ops.gemm_panel = gemm_panel;
  ops.rms_norm_row = rms_norm_row;
  ops.layer_norm_row = layer_norm_row;
  ops.activate_row = activate_row;
  ops.add_scaled_row = add_scaled_row;
  ops.rotate_head = rotate_head;
  ops.convert_row = convert_row;
  ops.round_row = round_row;
  ops.argmax = argmax;
  ops.causal_conv_row = causal_conv_row;
  ops.selective_scan_row = selective_scan_row;
  ops.ssd_scan_head = ssd_scan_head;
  ops.delta_rule_head = delta_rule_head;
  return ops;
}
