"""What the page says of known measurements."""
import unittest
import xml.etree.ElementTree as xml

import fits
import plot
import records as store
import report
import testing
from figures import Figures
from overhead import shares


def row(page, *cells):
    """The cells of the only row that begins so, in the first table that has it."""
    start = "| " + " | ".join(cells) + " |"
    return [text.strip("| ").split(" | ")[len(cells):] for text in page.splitlines() if text.startswith(start)]


class Fits(unittest.TestCase):
    def test_a_figure_is_the_median_over_the_rounds_of_their_medians(self):
        self.assertEqual(fits.typical([[1, 2, 90], [4, 4, 5], [3, 3, 3]]), 3)

    def test_a_line_has_its_slope_start_and_fit(self):
        slope, start, fit = fits.line([(0, 5), (10, 7), (20, 9)])
        self.assertAlmostEqual(slope, 0.2)
        self.assertAlmostEqual(start, 5)
        self.assertAlmostEqual(fit, 1)
        self.assertLess(fits.line([(0, 5), (10, 20), (20, 5)])[2], 0.1)
        self.assertIsNone(fits.line([(0, 5), (10, 7)]))

    def test_an_area_is_summed_by_trapezoids(self):
        self.assertEqual(fits.area([(10, 3), (0, 1), (20, 3)], 20), 50)

    def test_an_area_ends_where_asked_between_points_too(self):
        self.assertEqual(fits.area([(0, 1), (10, 3), (20, 3)], 5), 7.5)
        self.assertEqual(fits.area([(0, 1), (10, 3), (20, 3)], 12), 26)
        self.assertIsNone(fits.area([(0, 1), (10, 3)], 11))


class Page(unittest.TestCase):
    page = report.compose(testing.small_run(), "plot.svg")

    def test_times_are_median_and_best_with_bytes_per_position(self):
        self.assertEqual(row(self.page, "kvern", "dynamic bfloat16")[0], ["20.0 (20.0)", "21.0 (21.0)", "22.0 (22.0)", "2000"])
        self.assertEqual(row(self.page, "llama.cpp", "q4_0, flash attention")[0][-1], "562")

    def test_the_fraction_of_the_bound_counts_weights_and_cache(self):
        self.assertEqual(row(self.page, "kvern", "dynamic bfloat16")[2], ["0.50 (0.62)", "0.48 (0.60)", "0.46 (0.57)"])
        self.assertIn("100.0 GB/s, the fastest that memory was read meanwhile, over 4 address streams; in brackets by the 80.0 GB/s",
                      self.page)

    def test_the_hardest_bound_stands_alone_where_it_is_that_of_8_streams(self):
        slower = [{**r, "median": 10e9} if r.get("streams") == 4 else r for r in testing.small_run()]
        page = report.compose(slower, None)
        self.assertEqual(row(page, "kvern", "dynamic bfloat16")[2], ["0.62", "0.60", "0.57"])
        self.assertEqual(len(row(page, "quantized 4 bits", "the bound of a 16-bit cache, 8 streams")), 1)

    def test_a_page_without_a_measured_bandwidth_names_no_bound(self):
        page = report.compose([r for r in testing.small_run() if r["part"] != "bandwidth"], None)
        self.assertNotIn("bound", page)
        self.assertEqual(row(page, "kvern", "dynamic bfloat16")[2], ["3", "1.00", "", "", "1.0000"])

    def test_ratios_are_those_to_the_best_of_each_peer(self):
        self.assertEqual(row(self.page, "dynamic bfloat16", "llama.cpp, its best"), [["1.45", "1.57", "1.64"]])
        self.assertEqual(row(self.page, "quantized 4 bits", "llama.cpp q4_0"), [["1.45", "1.93", "2.39"]])
        self.assertEqual(row(self.page, "quantized 4 bits", "transformers, quanto 4 bits"), [])
        self.assertEqual(row(self.page, "quantized 4 bits", "the bound of a 16-bit cache, 4 streams"), [["0.50", "0.49", "0.49"]])
        self.assertEqual(row(self.page, "quantized 4 bits", "the bound of a 16-bit cache, 8 streams"), [["0.62", "0.62", "0.61"]])

    def test_slopes_stand_beside_bytes_over_bandwidth(self):
        self.assertEqual(row(self.page, "kvern", "dynamic bfloat16")[3], ["3", "1.00", "0.02 (0.02)", "50.00 (40.00)", "1.0000"])

    def test_a_step_that_is_slow_in_both_runs_is_found_and_one_that_is_slow_once_is_not(self):
        def run(steps):
            return {"part": "steps", "program": "kvern", "cache": "dynamic", "threads": 1, "depth": 8, "steps_ms": steps}
        page = report.compose([run([10, 50, 10, 31]), run([10, 10, 90, 30])], None)
        self.assertEqual(row(page, "dynamic"), [["8", "4", "10.00", "30.00", "3.00"]])

    def test_memory_is_told_in_parts(self):
        page = report.compose([{"part": "memory", "cache": "dynamic", "threads": 1, "depth": 9, "peak": 900e6, "weights": 500e6,
                                "cache_bytes": 200e6, "program_bytes": 110e6}], None)
        self.assertEqual(row(page, "dynamic"), [["9", "900", "500", "200", "110", "90", "920"]])

    def test_generation_without_a_cache_is_told_as_run_and_as_the_sum_of_sampled_steps(self):
        def run(program, cache, new, seconds):
            return {"part": "generate", "program": program, "cache": cache, "threads": 1, "new": new, "seconds": seconds}
        def step(depth, ms):
            return {"part": "none", "program": "kvern", "cache": "none", "threads": 1, "depth": depth, "steps_ms": [ms, ms]}
        page = report.compose([run("kvern", "dynamic float32", 100, 2), run("kvern", "dynamic float32", 300, 6),
                               run("transformers 5.0", "dynamic", 300, 12), run("kvern", "none", 100, 11),
                               step(8, 50), step(108, 150), step(308, 350)], None)
        self.assertEqual(row(page, "kvern", "none", "100"), [["1", "11.00", "5.50"], ["sum of sampled steps", "10.00", "5.00"]])
        self.assertEqual(row(page, "kvern", "none", "300"), [["sum of sampled steps", "60.00", "10.00"]])
        self.assertEqual(row(page, "transformers 5.0", "dynamic", "300"), [["1", "12.00", "2.00"]])

    def test_a_peer_that_counts_the_bytes_of_its_cache_is_believed(self):
        peer = [testing.decode("OpenVINO 2026.4.1", "u8", depth, [30], 640 * depth) for depth in (0, 1000, 2000)]
        page = report.compose(testing.small_run() + peer, None)
        self.assertEqual(row(page, "OpenVINO 2026.4.1", "u8")[0][-1], "640")
        self.assertEqual(row(page, "dynamic bfloat16", "OpenVINO, its best"), [["1.50", "1.43", "1.36"]])

    def test_batches_are_told_in_tokens_of_all_sequences_and_as_times_the_best_of_a_peer(self):
        page = report.compose([testing.batch("kvern", "paged bfloat16", 2, [10, 10, 40]), testing.batch("kvern", "paged bfloat16", 8, [20]),
                               testing.batch("OpenVINO 2026.4.1", "u8", 8, [40]), testing.batch("OpenVINO 2026.4.1", "16 bits", 8, [32]),
                               testing.batch("OpenVINO 2026.4.1", "16 bits", 2, [20])], None)
        self.assertIn("## Several sequences at once, depth 512, 1 thread\n", page)
        self.assertEqual(row(page, "kvern", "paged bfloat16"), [["200 (200)", "400 (400)"]])
        self.assertEqual(row(page, "paged bfloat16", "OpenVINO, its best"), [["2.00", "1.60"]])

    def test_prompts_have_a_table_for_each_number_of_threads(self):
        page = report.compose([testing.prefill("kvern", "dynamic bfloat16", 512, 1), testing.prefill("kvern", "dynamic bfloat16", 512, 2, 2),
                               testing.prefill("ik_llama.cpp", "q8_0, flash attention", 512, 2)], None)
        self.assertEqual(row(page, "kvern", "dynamic bfloat16"), [["512 (512)"], ["256 (256)"]])
        self.assertEqual(row(page, "dynamic bfloat16", "ik_llama.cpp, its best"), [["2.00"]])
        self.assertIn("## Prefill, 2 threads\n", page)

    def test_the_title_says_how_many_bits_packed_weights_have(self):
        shape = {"part": "shape", "model": "small", "dtype": "bfloat16"}
        self.assertIn("# small, weights bfloat16\n", report.compose([shape], None))
        self.assertIn("# small, weights of 4 bits", report.compose([{**shape, "weights": "4"}], None))

    def test_depths_that_the_positions_end_are_told(self):
        def ends(last):
            records = testing.small_run()
            records[1].update(positions=2024, last_depth=last)
            return "The model has 2024 positions, so depths end at 2000." in report.compose(records, None)
        self.assertTrue(ends(2000))
        self.assertFalse(ends(5000))

    def test_sections_without_records_are_left_out(self):
        self.assertNotIn("Prefill", self.page)
        self.assertNotIn("Skipped", self.page)


class Others(unittest.TestCase):
    def test_a_part_replaces_its_own_records_and_leaves_the_others(self):
        old = [{"part": "decode", "threads": 1, "n": 1}, {"part": "decode", "threads": 2, "n": 2}, {"part": "steps", "threads": 1, "n": 3}]
        new = [{"part": "decode", "threads": 1, "n": 4}]
        self.assertEqual([r["n"] for r in store.replaced(old, new)], [2, 3, 4])

    def test_the_plot_has_a_curve_for_every_cache_and_the_bound_in_both_panels(self):
        image = xml.fromstring(plot.draw(testing.small_run()))
        self.assertEqual(len(image.findall("{*}polyline")), 2 * (5 + 1))
        self.assertIn("quantized 4 bits", "".join(image.itertext()))
        self.assertIsNone(plot.draw([]))

    def test_only_depths_that_all_rows_have_are_columns(self):
        records = testing.small_run() + [testing.decode("kvern", "dynamic bfloat16", 500, [1])]
        self.assertEqual(Figures(records, 1).depths(), [0, 1000, 2000])

    def test_samples_of_a_profile_are_kernels_or_not(self):
        kernels, elsewhere = shares("# Overhead  Symbol\n    80.50%  [.] kvern::kernels::(anonymous namespace)::multiply(int)\n"
                                    "    10.00%  [k] clear_page\n\n     9.50%  [.] malloc\n")
        self.assertAlmostEqual(kernels, 0.805)
        self.assertEqual(elsewhere, {"clear_page": 0.1, "malloc": 0.095})


if __name__ == "__main__":
    unittest.main()
